import os


def read_beside(name):
    with open(os.path.join(os.path.dirname(__file__), name), encoding="utf-8") as file:
        return file.readline().strip()


def read_by_loader():
    folder = os.path.dirname(__file__)
    return __loader__.get_data(os.path.join(folder, "assets", "no_newline.json"))

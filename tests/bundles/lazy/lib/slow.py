print("slow is loaded")


def work():
    return 40

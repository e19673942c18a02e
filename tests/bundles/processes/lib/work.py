from lib.state import STATE


class Task:
    def __init__(self, value):
        self.value = value

    def double(self):
        return Task(2 * self.value)

    def put(self, queue):
        queue.put(self)


def square(x):
    return x * x


def count():
    STATE.append(1)
    return STATE, __name__

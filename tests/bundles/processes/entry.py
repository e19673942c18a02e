"""Workers by each start method, with functions of the entry and of a module."""

import multiprocessing as mp
import sys
from concurrent.futures import ProcessPoolExecutor

from lib.work import Task, count, square

SEEN = "main" if __name__ == "__main__" else "child"


def own(x):
    return x + 1, SEEN, __name__


def fail(x):
    raise KeyError(x)


if __name__ == "__main__":
    for method in sys.argv[1:]:
        context = mp.get_context(method)
        with context.Pool(2) as pool:
            print(method, pool.map(square, range(3)), pool.map(own, [1]))
        with ProcessPoolExecutor(1, mp_context=context) as executor:
            print([task.value for task in executor.map(Task.double, [Task(3)])])
            print(executor.submit(count).result())
        queue = context.Queue()
        process = context.Process(target=Task(4).put, args=(queue,))
        process.start()
        print(queue.get().value, process.join(), process.exitcode)
        process = context.Process(target=fail, args=("gone",), name="Failing")
        process.start()
        print(process.join(), process.exitcode)

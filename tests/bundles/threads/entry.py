import logging
import sys
import threading
import traceback

from lib.worker import fail, quit_quietly, Caught


def own():
    raise LookupError("of the entry")


logging.basicConfig(format="%(levelname)s %(filename)s:%(lineno)d %(funcName)s %(message)s")
for target in (fail, own, quit_quietly):
    thread = threading.Thread(target=target, name=f"T-{target.__name__}")
    thread.start()
    thread.join()
try:
    fail()
except ArithmeticError:
    traceback.print_exc()
    logging.exception("logged by the entry")
Caught().log()
print(traceback.extract_tb(Caught().error.__traceback__)[-1].line)
frame = sys._getframe()
print(frame.f_lineno, frame.f_code.co_name, frame.f_code.co_filename.endswith("entry.py"))

import atexit
import os
import signal
import sys

from lib.ending import end

atexit.register(print, "atexit ran")
end(sys.argv[1])

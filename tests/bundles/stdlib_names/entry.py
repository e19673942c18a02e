"""Modules that hide those of the standard library, and some that cannot."""

import queue
import random
import statistics as numbers
import string
import token

import calendar
from lib import json, logging, types

print(queue.NAME, random.choice([1]), numbers.mean(), string.NAME, token.NAME, calendar.NAME)
print(json.NAME, logging.NAME, types.NAME, json.dumps({"a": 1}))
import sys
import time

print(hasattr(time, "NAME"), sys.modules["random"].__name__)

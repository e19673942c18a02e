print("start", flush=True)
import lib.broken

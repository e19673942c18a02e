import sys

VALUE = [__name__, sys.argv[1:]]
if __name__ == "__main__":
    print("tool runs")

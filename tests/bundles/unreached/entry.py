from lib import used

try:
    import not_installed_anywhere
except ImportError:
    not_installed_anywhere = None
print(used.NAME, not_installed_anywhere)

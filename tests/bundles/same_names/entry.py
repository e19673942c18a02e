from lib import one, two

VALUE, helper = "entry", lambda: "entry's"
print(one.helper(), two.helper(), helper(), one.VALUE, two.VALUE, VALUE)
print(one.Item.__qualname__, one.Item is two.Item, one.Item().get(), two.Item().get())
one.bump(), one.bump(), two.bump()
print(one.COUNT, two.COUNT)

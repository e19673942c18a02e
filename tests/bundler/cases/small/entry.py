"""A small kernel: the areas of two shapes, and a note where there is one."""

from pathlib import Path

from shapes import circle, square
from words import name_area

if __name__ == "__main__":
    for shape in (circle.area(2.0), square.area(3.0)):
        print(name_area(shape))
    note = Path(__file__).with_name("note.txt")
    print(note.read_text(encoding="utf-8").strip() if note.is_file() else "no note")

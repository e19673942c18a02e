from pathlib import Path


def render(text):
    return Path(__file__).with_name("page.html").read_text().replace("{{ text }}", text)

"""A line of text -> the kinds of credentials that it holds, never the credentials themselves."""

import re

_PATTERNS = (
    ("a Kaggle token", re.compile(r"KGAT_\w")),
    ("a Kaggle key", re.compile(r"""["']key\\*["']\s*:\s*\\*["'][0-9a-fA-F]{32}\\*["']""")),
    ("an Authorization header", re.compile(r"\b(Basic|Bearer) [A-Za-z0-9+/_.=-]{16,}")),
    ("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s*$")),
    ("a GitHub token", re.compile(r"\b(gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{60})")),
    ("a Hugging Face token", re.compile(r"\bhf_[A-Za-z0-9]{34}\b")),
    ("an AWS key", re.compile(r"\bAKIA[0-9A-Z]{16}\b")),
    ("a Slack token", re.compile(r"\bxox[abp]-[0-9A-Za-z-]{20,}")),
    ("an API key", re.compile(r"\b(sk-[A-Za-z0-9_-]{32,}|AIza[0-9A-Za-z_-]{35})\b")),
)
# A line without any of these holds nothing that the patterns match.
_WORDS = (
    *("KGAT_", "Basic ", "Bearer ", "PRIVATE KEY", "ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
    *("github_pat_", "hf_", "AKIA", "xoxa-", "xoxb-", "xoxp-", "sk-", "AIza", "key"),
)


def name_credentials(line: str) -> list[str]:
    """List what a line looks like it holds."""
    return [name for name, pattern in _PATTERNS if pattern.search(line)]


def find_credentials(text: str) -> list[tuple[int, str]]:
    """A text -> (line from 1, what it looks like) for each, without the credential."""
    if not any(word in text for word in _WORDS):
        return []
    lines = [
        (number, line)
        for number, line in enumerate(text.splitlines(), 1)
        if any(word in line for word in _WORDS)
    ]
    return [(number, name) for number, line in lines for name in name_credentials(line)]

"""What a Markdown file holds: fenced code with the mark that stands before it, inline code, links and headings.

A mark is a comment on the line before a block, `<!-- test: run -->`: tests/docs/ says which there are.
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FENCE = re.compile(
    r"^(?:<!-- test: (?P<mark>[^\n]*?) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
OPERATORS = {"|", "||", "&&", ";", "&", ">", ">>", "<", "2>"}


@dataclass(frozen=True)
class Block:
    file: Path
    line: int
    language: str
    text: str
    mark: str

    def __str__(self) -> str:
        return f"{name(self.file)}:{self.line}"


def files() -> list[Path]:
    """Every page for people, in the order in which they are read."""
    return [*sorted(ROOT.glob("*.md"), key=lambda file: (file.name != "README.md", file.name)), *sorted(docs())]


def docs() -> list[Path]:
    return list((ROOT / "docs").rglob("*.md"))


def name(file: Path) -> str:
    return str(file.relative_to(ROOT))


def blocks(file: Path, *languages: str) -> list[Block]:
    """The fenced blocks of some languages; of all of them where none is named."""
    text = file.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        if not languages or match["language"] in languages:
            line = text.count("\n", 0, match.start("text"))
            found.append(Block(file, line, match["language"], match["text"], match["mark"] or ""))
    return found


def prose(file: Path) -> str:
    """The text without fenced code and comments."""
    return COMMENT.sub("", FENCE.sub("", file.read_text(encoding="utf-8")))


def inline(file: Path) -> list[str]:
    """What stands between backticks in the text."""
    return [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose(file))]


def links(file: Path) -> list[str]:
    """Targets of links and pictures, in Markdown and in HTML."""
    text = re.sub(r"`[^`]*`", "", prose(file))
    return [*re.findall(r"\]\(<?([^)\s>]+)>?\)", text), *re.findall(r'(?:src|srcset|href)="([^"]+)"', text)]


def anchors(file: Path) -> set[str]:
    """What a link into the file can name, as GitHub makes it of the headings."""
    found: list[str] = []
    for heading in re.findall(r"^#+ +(.+?) *#*$", prose(file), re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()).replace(" ", "-")
        found.append(f"{slug}-{found.count(slug)}" if slug in found else slug)
    return set(found)


def commands(shell: str) -> list[list[str]]:
    """The commands of a piece of shell as words, without variables set for them and where output goes."""
    found: list[list[str]] = []
    for line in re.sub(r"\\\n", " ", shell).splitlines():
        lexer = shlex.shlex(re.sub(r"(^|\s)#.*", "", line), posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        command: list[str] = []
        for word in [*lexer, ";"]:
            if word in OPERATORS:
                found += [command] if command else []
                command = []
            elif command or not re.match(r"\w+=", word):
                command.append(word)
    return found

"""Texts that match a simple regular expression, made by walking through it."""

import string
from random import Random

_CLASSES = {
    "d": string.digits,
    "w": string.ascii_lowercase + string.digits + "_",
    "s": " ",
    "D": string.ascii_lowercase,
    "W": "-",
    "S": string.ascii_lowercase,
}
_LITERALS = {"n": "\n", "t": "\t", "r": "\r"}
_ANY = string.ascii_lowercase + string.digits
_PRINTABLE = "".join(sorted(set(string.printable) - set(string.whitespace))) + " "
_MORE = 3


class NotSimple(ValueError):
    """The expression has parts that this module does not know."""


def matching(pattern: str, chance: Random) -> str:
    """Return a text that `pattern` probably matches; the caller must check it.

    Knows literals, classes, groups, alternatives, quantifiers and anchors at the ends.
    Raises NotSimple for all else.
    """
    walk = _Walk(pattern, chance)
    text = walk.alternatives()
    if walk.rest():
        raise NotSimple(pattern)
    return text


class _Walk:
    def __init__(self, pattern: str, chance: Random) -> None:
        self.pattern = pattern
        self.place = 0
        self.chance = chance

    def rest(self) -> str:
        return self.pattern[self.place :]

    def take(self) -> str:
        if self.place >= len(self.pattern):
            raise NotSimple(self.pattern)
        self.place += 1
        return self.pattern[self.place - 1]

    def next_is(self, character: str) -> bool:
        return self.pattern.startswith(character, self.place)

    def alternatives(self) -> str:
        texts = [self.sequence()]
        while self.next_is("|"):
            self.take()
            texts.append(self.sequence())
        return self.chance.choice(texts)

    def sequence(self) -> str:
        text = ""
        while self.rest() and self.rest()[0] not in "|)":
            start = self.place
            first = self.atom()
            least, most = self.quantifier()
            end = self.place
            text += first if least else ""
            for _ in range(self.chance.randint(least, most) - min(least, 1)):
                self.place = start
                text += self.atom()
            self.place = end
        return text

    def atom(self) -> str:
        character = self.take()
        if character in "^$":
            return ""
        if character == ".":
            return self.chance.choice(_ANY)
        if character == "\\":
            return self.escaped()
        if character == "[":
            return self.chance.choice(self.members())
        if character == "(":
            return self.group()
        if character in "*+?{":
            raise NotSimple(self.pattern)
        return character

    def escaped(self) -> str:
        character = self.take()
        if character in _CLASSES:
            return self.chance.choice(_CLASSES[character])
        if character in "bB" or character.isdigit():
            raise NotSimple(self.pattern)
        return _LITERALS.get(character, character)

    def group(self) -> str:
        if self.next_is("?"):
            if not self.next_is("?:"):
                raise NotSimple(self.pattern)
            self.place += 2
        text = self.alternatives()
        if self.take() != ")":
            raise NotSimple(self.pattern)
        return text

    def members(self) -> str:
        negated = self.next_is("^")
        if negated:
            self.take()
        members = ""
        while not self.next_is("]") or not members:
            character = self.take()
            if character == "\\":
                escaped = self.take()
                members += _CLASSES.get(escaped, _LITERALS.get(escaped, escaped))
            elif self.next_is("-") and not self.pattern.startswith("-]", self.place):
                self.take()
                members += "".join(map(chr, range(ord(character), ord(self.take()) + 1)))
            else:
                members += character
        self.take()
        if negated:
            members = "".join(one for one in _PRINTABLE if one not in members)
        if not members:
            raise NotSimple(self.pattern)
        return members

    def quantifier(self) -> tuple[int, int]:
        least, most = 1, 1
        if self.next_is("?"):
            least, most = 0, 1
        elif self.next_is("*"):
            least, most = 0, _MORE
        elif self.next_is("+"):
            least, most = 1, _MORE
        elif self.next_is("{"):
            inside = self.rest()[1:].partition("}")[0]
            low, comma, high = inside.partition(",")
            if not low.isdigit() or (high and not high.isdigit()):
                raise NotSimple(self.pattern)
            least = int(low)
            most = int(high) if high else least + (_MORE if comma else 0)
            self.place += len(inside) + 1
        else:
            return least, most
        self.place += 1
        if self.next_is("?"):
            self.take()
        return least, most

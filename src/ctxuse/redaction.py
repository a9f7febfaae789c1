"""Addresses without what lets somebody in: the one place that says what a secret is.

Whatever prints an address, or what a library says of one, passes it through here first.
"""

import re
from collections.abc import Iterable, Iterator
from functools import partial
from urllib.parse import quote, unquote

_USERS = re.compile(r"(?i)((?:https?|s?ftp|ssh|smb|web(?:hdfs|davs?)|davs?)://)[^/]*@")
_QUERY = re.compile(r"(?i)(\bhttps?://[^\s?\"']*)\?[^\s\"']*")
_QUERY_OF_SERVER = re.compile(r"(?i)(\b(?:https?|wss?|tcp|tls|ucx)://[^\s?\"']*)\?[^\s\"']*")
_UNCLEAR = re.compile(r"(?i)(\bhttps?://)[^/\s\"']*\?[^/\s\"']*@[^\s\"']*")
"""A password with a question mark, or a query with an ``@``."""

_SECRETS = re.compile(
    r"(?<=://)/*(?:[^/\s]*"
    # A password may hold a slash. Digits before it are a port if no ``@`` follows before a query.
    r"|[^/\s:@]*:(?!\d+/(?![^\s\"'?@]*(?:\?(?!\w+=)[^\s\"'?@]*)*@))[^\s@]*(?:@[^/\s@]*)*)@"
    r"|(?<=\S)\?[^\s\"']*=[^\s\"']*"
)
_WHOLE = re.compile(
    r"(?<=://)/*(?:[^/]*"
    r"|[^/:@]*:(?!\d+/(?![^?@]*(?:\?(?!\w+=)[^?@]*)*@))[^@]*(?:@[^/@]*)*)@"
    r"|(?<=.)\?.*=.*",
    re.DOTALL | re.MULTILINE,
)
_REST_OF_SERVER = re.compile(r"(?is)((?:https?|wss?|tcp|tls|ucx)://[^?#;]*)[?#;].*")
"""As those above, of what is one address as a whole: whatever stands in it, signs of ends, too."""

_ADDRESS = re.compile(r"(?<![\w+.-])[\w+.-]*://[^\s\"')>]*")
_LONGEST = 8192
"""Characters that are looked at and shown at most: some patterns are tried at each address."""

_SHORT = 4


def without_credentials(url: str) -> str:
    """Return an address without what only lets somebody in: two of one place are the same.

    A user is one where addresses have a host; a query is one in ``http(s)://``. Elsewhere both
    belong to the name.
    """
    return _QUERY.sub(r"\1", _USERS.sub(r"\1", url, count=1))


def hidden(address: str) -> str:
    """Return what is one address as a whole without user, password and query, and not too long.

    Spaces and quotes end nothing in it.
    """
    text = _UNCLEAR.sub("\\1\N{HORIZONTAL ELLIPSIS}", address[:_LONGEST])
    return without_secrets(_REST_OF_SERVER.sub(r"\1", _WHOLE.sub("", text)))


def without_secrets(text: str, url: str = "") -> str:
    """Return `text`, cut where it is long, without user, password and query of addresses in it.

    Args:
        text: An address, or what somebody says of one.
        url: An address whose user, password and query are to go wherever they stand, also as they
            are written elsewhere.
    """
    text = _without_parts(text, url)
    text = _UNCLEAR.sub("\\1\N{HORIZONTAL ELLIPSIS}", text[:_LONGEST])
    return _QUERY_OF_SERVER.sub(r"\1", _SECRETS.sub("", text))


def redacted(text: str, named: Iterable[str] = ()) -> str:
    """Return text of any kind without the secrets of the addresses in it.

    Args:
        text: The text. It does not say where an address ends that has blanks or quotes in it.
        named: Addresses that are known as a whole, with whatever stands around them.
    """
    for url in named:
        text = _without_parts(text, url)
    return _ADDRESS.sub(lambda found: without_secrets(found[0]), text)


def _without_parts(text: str, url: str) -> str:
    """Return `text` without what may be a secret of `url`, wherever and however it is written."""
    quoted = partial(quote, errors="surrogatepass")
    written = (str, unquote, quoted, partial(quoted, safe=""))
    secrets = {write(part) for part in _secrets_of(url) for write in written if part}
    for secret in sorted(secrets, key=lambda secret: (-len(secret), secret)):
        parted = re.escape(secret)
        if len(secret) < _SHORT:  # not every letter "a" of a reason
            parted = rf"(?<!\w){parted}(?!\w)"
        text = re.sub(parted, "\N{HORIZONTAL ELLIPSIS}", text[:_LONGEST])
    return text


def _secrets_of(url: str) -> Iterator[str]:
    """Whatever of an address may be a secret, as a whole and in parts."""
    url = url[:_LONGEST]
    for found in (*_SECRETS.finditer(url), *_WHOLE.finditer(url)):
        secret = found[0].strip("@?")
        yield secret
        if found[0].endswith("@"):
            user, _, password = secret.partition(":")
            yield from (user, password)
            yield from _parts(secret)
        else:
            yield from _values(secret)
    for found in (*_QUERY_OF_SERVER.finditer(url), *_REST_OF_SERVER.finditer(url)):
        rest = found[0][len(found[1]) + 1 :]
        yield rest
        yield from _values(rest)


def _values(query: str) -> Iterator[str]:
    for pair in re.split("[&;#?]", query):
        value = pair.partition("=")[2]
        yield from (pair, value)
        yield from _parts(value)


def _parts(secret: str) -> list[str]:
    """What a library may take for a name, up to a sign; or a message, which escapes signs."""
    return [*re.split(r"[:/@?#;\s]", secret), *re.findall(r"[^\W_]{3,}", secret)]

"""What clients ask for: bodies that are read up to a limit, and checked."""

import json
from typing import Any, Dict, List
from urllib.parse import parse_qs

import anyio
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from ..formats.sentence import name_json_type
from .limits import Limits

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
UTF8 = {"", "charset=utf-8", "charset=utf8"}


async def read_texts(request: Request, limits: Limits) -> List[str]:
    """Read what is to be tagged: {"text": "..."} or {"texts": ["...", ...]}.

    request (Request): The request.
    limits (Limits): How much is read.
    RETURNS (List[str]): The texts. Raises an HTTPException of a status from 400 to 422 that says what is wrong.
    """
    fields = await _read_json(request, limits)
    if sorted(fields) not in (["text"], ["texts"]):
        raise HTTPException(422, f'Expected either "text" or "texts", and no other field, not {_show(sorted(fields))}.')
    if "text" in fields:
        return [_check_text(fields["text"], '"text"', limits)]
    texts = fields["texts"]
    if not isinstance(texts, list):
        raise HTTPException(422, f'Expected a list of strings as "texts", not {name_json_type(texts)}.')
    if len(texts) > limits.max_texts:
        raise HTTPException(413, f'"texts" has {len(texts):,} texts. At most {limits.max_texts:,} are taken at once.')
    return [_check_text(text, f'"texts"[{number}]', limits) for number, text in enumerate(texts)]


async def read_text(request: Request, limits: Limits) -> str:
    """RETURNS (str): What is to be explained: {"text": "..."}. Raises what `read_texts` raises."""
    fields = await _read_json(request, limits)
    if sorted(fields) != ["text"]:
        raise HTTPException(422, f'Expected "text", and no other field, not {_show(sorted(fields))}.')
    return _check_text(fields["text"], '"text"', limits)


async def read_form(request: Request, limits: Limits) -> str:
    """RETURNS (str): The field "text" of a form. Raises what `read_texts` raises."""
    body = await _read_body(request, FORM, limits)
    try:
        fields = parse_qs(body, keep_blank_values=True, strict_parsing=bool(body), errors="strict", max_num_fields=9)
    except ValueError as error:
        raise HTTPException(400, f"The body is not a form in UTF-8: {error}.") from error
    if sorted(fields) != ["text"] or len(fields["text"]) != 1:
        raise HTTPException(422, f'Expected one "text", and no other field, not {_show(sorted(fields))}.')
    return _check_text(fields["text"][0], '"text"', limits)


async def _read_json(request: Request, limits: Limits) -> Dict[str, Any]:
    body = await _read_body(request, JSON, limits)
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"The body is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise HTTPException(422, f'Expected an object such as {{"text": "She reads."}}, not {name_json_type(value)}.')
    return value


async def _read_body(request: Request, type: str, limits: Limits) -> str:
    """Read a body up to the limit, and decode it."""
    _check_headers(request, type, limits)
    body = bytearray()
    try:
        with anyio.fail_after(limits.seconds_to_send):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limits.max_bytes:
                    raise _too_large(f"more than {limits.max_bytes:,}", limits)
    except TimeoutError as error:
        seconds = f"{limits.seconds_to_send:g}"
        raise HTTPException(408, f"The body was not sent within {seconds} s.", {"Connection": "close"}) from error
    except ClientDisconnect as error:
        raise HTTPException(400, "The body ends before its end.") from error
    try:
        return body.decode("utf8")
    except UnicodeDecodeError as error:
        value = body[error.start]
        raise HTTPException(400, f"The body is not UTF-8: its byte {error.start} is 0x{value:02x}.") from error


def _check_headers(request: Request, type: str, limits: Limits) -> None:
    given = request.headers.get("content-type", "")
    media_type, *parameters = (part.strip().lower() for part in given.split(";"))
    if media_type != type or not {part.replace('"', "") for part in parameters} <= UTF8:
        raise HTTPException(415, f"Expected the Content-Type {type} in UTF-8, not {_show(given)}.")
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise HTTPException(415, f"Expected a body without Content-Encoding, not {_show(encoding)}.")
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length[:20]) > limits.max_bytes:
        raise _too_large(length[:20], limits)


def _too_large(size: str, limits: Limits) -> HTTPException:
    return HTTPException(
        413,
        f"The body has {size} bytes. At most {limits.max_bytes:,} are taken. Send the texts in several requests.",
        {"Connection": "close"},  # the rest of the body is not read
    )


def _check_text(text: Any, name: str, limits: Limits) -> str:
    if not isinstance(text, str):
        raise HTTPException(422, f"Expected a string as {name}, not {name_json_type(text)}.")
    if len(text) > limits.max_characters:
        raise HTTPException(
            413, f"{name} has {len(text):,} characters. At most {limits.max_characters:,} are taken. Split it."
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        code = f"U+{ord(text[error.start]):04X}"
        raise HTTPException(
            400, f"{name} is not valid Unicode: its character {error.start} is {code}, half of a surrogate pair."
        ) from error
    return text


def _show(value: Any) -> str:
    shown = json.dumps(value)
    return shown if len(shown) <= 80 else f"{shown[:80]}…"

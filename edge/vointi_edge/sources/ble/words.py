"""Every fault in plain words: the radio, its slot, what happened, and what to do about it.

These texts stand in the log and in the device's status; docs/operators explains each one.
"""

from __future__ import annotations

import re

from vointi_edge.text import printable

_PEER_TEXT = 80
_ADDRESS = re.compile(r"(?:[0-9A-F]{2}[:_-]){5}[0-9A-F]{2}", re.IGNORECASE)


def reason(error: BaseException) -> str:
    """Return what an exception says, printable and without addresses, or else its kind.

    A retrying layer repeats what its cause says, with the address and advice for other houses.
    """
    cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
    if isinstance(cause, TimeoutError):
        return "no answer"
    text = next((each for each in cause.args if isinstance(each, str)), "")
    return printable(_ADDRESS.sub("…", text) or type(cause).__name__, _PEER_TEXT)


def link_lost(where: str) -> str:
    """Say that the other end is gone."""
    return f"{where}: link lost; linked anew as soon as it is heard"


def silent(where: str, stream: str, silence_s: float) -> str:
    """Say that a stream stopped while its link seemed up."""
    return (
        f"{where}: {stream} fell silent for {silence_s:.0f} s; linked anew. "
        "If it lasts: take the device off and on"
    )


def no_link(error: BaseException) -> str:
    """Say that a device is heard and cannot be linked."""
    return (
        f"no link ({reason(error)}); tried again by itself. "
        "If it lasts: bring the device nearer, or renew its battery"
    )


def setup_failed(where: str, error: BaseException) -> str:
    """Say that a link came about and could not be used."""
    return (
        f"{where}: link of no use ({reason(error)}); tried again by itself. "
        "If it lasts: take the device off and on"
    )


def bond_lost() -> str:
    """Say that a device forgot whom it paired with."""
    return (
        "it does not know this box any more (it was reset?); paired anew by itself. "
        "If it lasts: switch its pairing on, as when it was new"
    )


def not_paired(where: str) -> str:
    """Say that a device tells nothing without pairing, and does not pair."""
    return (
        f"{where}: it tells nothing before it is paired, and declines; tried again by itself. "
        "Switch its pairing on (often: hold its button), or let it forget its other phone"
    )


def not_heard(silence_s: float) -> str:
    """Say that nothing is heard of a device."""
    return (
        f"not heard for {silence_s:.0f} s. "
        "Put it on, bring it nearer, or renew its battery; it is linked by itself"
    )


def stranger(name: str) -> str:
    """Say that something else advertises under a device's address."""
    return (
        f'another kind of device uses this address ("{printable(name)}"); not linked. '
        "Check the address in edge.toml"
    )


def paused(stream: str, status: int) -> str:
    """Say that a device declines a stream for the time being."""
    return (
        f"{stream}: the device does not send it now (status {status}); asked again by itself. "
        "Wear it, or take it off its charger"
    )


def radio_deaf(radio: str, silence_s: float, step: str) -> str:
    """Say that an adapter hears nothing."""
    return f"{radio}: nothing heard for {silence_s:.0f} s; {step}"


def radio_down(radio: str, error: BaseException) -> str:
    """Say that an adapter does not work."""
    return (
        f"{radio}: cannot scan ({reason(error)}); tried again by itself. "
        "If it lasts: plug the adapter in again, or restart the box"
    )


def radio_connects_nothing(radio: str) -> str:
    """Say that an adapter hears devices and links none."""
    return f"{radio}: hears devices and links none; switching the adapter off and on"

"""The subcommands of care: doctor, bundle, reset, lights, clock-floor."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

from vointi_edge.catalogue import Model
from vointi_edge.clock import make_clock
from vointi_edge.clockfloor import FLOOR_FILE, ClockFloor, apply_floor
from vointi_edge.config import EdgeConfig
from vointi_edge.vitals import run_folder

#: Reads a configuration with its models and password; raises ConfigError.
Load: TypeAlias = Callable[[Path], tuple[EdgeConfig, dict[str, Model], str | None]]
SERVICE_RUN: Final = Path("/run/vointi-edge")


def add_commands(commands: Any, load: Load) -> None:
    """Add the parsers of the subcommands."""
    doctor = _command(commands, "doctor", "say what is well, and what to do about the rest")
    doctor.add_argument("--json", action="store_true", help="for machines")
    doctor.set_defaults(command=lambda arguments: _doctor(arguments, load))
    bundle = _command(commands, "bundle", "write a redacted file for support")
    bundle.add_argument("--out", type=Path, default=None, metavar="FILE.tar.gz")
    bundle.add_argument("--log", type=Path, default=None, help="log file, else the journal")
    bundle.set_defaults(command=lambda arguments: _bundle(arguments, load))
    reset = _command(commands, "reset", "forget everything: key, readings, policy, configuration")
    reset.add_argument("--yes", action="store_true", help="really")
    reset.add_argument("--keep-config", action="store_true", help="keep edge.toml and password")
    reset.set_defaults(command=lambda arguments: _reset(arguments, load))
    lights = commands.add_parser("lights", help="show on the box's light how it is, for ever")
    lights.add_argument("--led", action="append", metavar="NAME", help="below /sys/class/leds")
    lights.add_argument("--button", metavar="CHIP:LINE", help="held for 10 s it resets the box")
    lights.add_argument("--run-dir", type=Path, default=SERVICE_RUN)
    lights.set_defaults(command=_lights)
    floor = commands.add_parser("clock-floor", help="set the system's clock to the saved floor")
    floor.add_argument("--data-dir", type=Path, required=True)
    floor.set_defaults(command=_clock_floor)


def _command(commands: Any, name: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text)
    parser.add_argument("--config", type=Path, required=True, metavar="edge.toml")
    parser.add_argument("--run-dir", type=Path, default=None, help="where the service writes state")
    return parser


def _run_dir(arguments: argparse.Namespace, config: EdgeConfig) -> Path:
    if arguments.run_dir is not None:
        return Path(arguments.run_dir)
    return SERVICE_RUN if SERVICE_RUN.is_dir() else run_folder(config.data_dir)


def _doctor(arguments: argparse.Namespace, load: Load) -> int:
    from vointi_edge.care import doctor

    config, _, _ = load(arguments.config)
    clock = make_clock(config.clock_trust, 1.0, ClockFloor(config.data_dir / FLOOR_FILE).read())
    findings = doctor.examine(config, _run_dir(arguments, config), clock)
    if arguments.json:
        print(doctor.as_json(findings))
    else:
        doctor.show(findings)
    return doctor.exit_code(findings)


def _bundle(arguments: argparse.Namespace, load: Load) -> int:
    from vointi_edge.care import bundle, doctor

    config, _, password = load(arguments.config)
    run_dir = _run_dir(arguments, config)
    clock = make_clock(config.clock_trust, 1.0)
    findings = doctor.examine(config, run_dir, clock)
    log = bundle.service_log(arguments.log)
    files = bundle.gather(
        config, arguments.config, run_dir, findings=findings, log=log, password=password
    )
    target = arguments.out or Path(f"vointi-edge-{config.edge}-{time.strftime('%Y%m%d')}.tar.gz")
    bundle.write(files, target)
    print(f"{target}: {len(files)} files, no values, no names; read it before you send it")
    return 0


def _reset(arguments: argparse.Namespace, load: Load) -> int:
    from vointi_edge.care.reset import forget

    config, _, _ = load(arguments.config)
    if not arguments.yes:
        print(f"reset: {config.edge} would forget everything it holds; add --yes", file=sys.stderr)
        return 2
    for path in forget(config, arguments.config, keep_config=arguments.keep_config):
        print(f"deleted {path}")
    return 0


def _clock_floor(arguments: argparse.Namespace) -> int:
    apply_floor(arguments.data_dir)
    return 0


def _lights(arguments: argparse.Namespace) -> int:
    from vointi_edge.care.doctor import read_vitals
    from vointi_edge.care.lights import DEFAULT_NAMES, Leds
    from vointi_edge.care.panel import Panel, open_button, order_reset

    leds = Leds(arguments.led or DEFAULT_NAMES)
    try:
        button = open_button(arguments.button) if arguments.button else None
    except (OSError, ValueError) as error:
        print(f"lights: --button: {error}; give e.g. /dev/gpiochip0:3", file=sys.stderr)
        return 2
    if not leds.found and button is None:
        print("lights: this box has no such light; see ls /sys/class/leds", file=sys.stderr)
        return 2
    Panel(leds, lambda: read_vitals(arguments.run_dir), button, order_reset).run()
    return 0

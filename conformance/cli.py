"""The commands: run, merge, list, explain, replay, diff, cleanup."""

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import click

from conformance import __version__, contract, folder, merging, profiles, resuming, waivers
from conformance.asking import (
    accepting,
    address,
    applications,
    credentials,
    other_side,
    with_leave_to_write,
)
from conformance.checks import CHECKS
from conformance.cleaning import clean
from conformance.crashes import Command
from conformance.differences import Side, compare
from conformance.engine import Plan, Run, run_id_for
from conformance.explaining import explained, of_group, suggestion
from conformance.folder import FOLDER
from conformance.laws import LAWS
from conformance.phases import PHASES
from conformance.phases.promises import FURTHER, known
from conformance.preflight import Unjudgeable, let_in
from conformance.profiles import PROFILES
from conformance.replaying import Recording, Unreplayable, replay_recording
from conformance.reports import console
from conformance.run_events import RunEvent, RunFinished
from conformance.target import (
    HttpTransport,
    Ledger,
    LedgerUnreadable,
    Principal,
    Target,
    TargetUnreachable,
)

CONFORMS, FAILS, USAGE, UNJUDGED, UNDECIDED, STOPPED = 0, 1, 2, 3, 75, 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="conformance")
def main() -> None:
    """Judge a deployment of the Vault API by its contract and its behaviour."""


@main.command(cls=Command)
@click.argument("url")
@credentials
@click.option(
    "--profile",
    type=click.Choice(sorted(PROFILES)),
    help="Default: quick on loopback, live elsewhere.",
)
@click.option("--seed", type=int, help="Repeat a run: the same cases.")
@click.option("--run-id", help="What the ids of the run's consumers hold (default: chance).")
@click.option(
    "--only", multiple=True, metavar="ID", help="Judge only laws whose id begins so (VLT-PAG)."
)
@click.option("--phase", "phases", multiple=True, help="Run only this phase.")
@click.option("--shard", default="1/1", show_default=True, help="Judge a part of the laws: 2/4.")
@click.option(
    "--report-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write all reports here.",
)
@click.option("--consumer", help="A consumer of yours that reads may use.")
@click.option(
    "--allow-writes", is_flag=True, help="Let a live run write, under consumers of its own."
)
@click.option("--max-requests", type=int, help="Stop before more requests than this.")
@click.option(
    "--max-time",
    type=float,
    metavar="SECONDS",
    help="End after about so long, the removal of what was made included, with a partial verdict.",
)
@click.option("--rate", type=float, help="Requests a second at most.")
@click.option("--patience", type=float, help="Seconds that a read may lag behind a write.")
@click.option(
    "--capability",
    "capabilities",
    multiple=True,
    metavar="NAME=VALUE",
    help="Say what was not found out: consent=auto, mock, form, code or none;"
    " mapping='api+service target_field_id …'.",
)
@accepting
@click.option("--spec", help="Another file of the contract.")
@click.option("--dry-run", is_flag=True, help="Print the plan and send nothing.")
@click.option("--stop-first", is_flag=True, help="Stop after the first law that fails.")
@click.option(
    "--resume", is_flag=True, help="Go on with the run that was stopped, from its --report-dir."
)
@click.option("--quiet", is_flag=True, help="No progress.")
def run(url: str, **options: object) -> None:
    """Judge the deployment at URL.

    Exit codes: 0 it conforms, 1 it does not, 2 usage, 3 nothing could be judged: no answer,
    credentials refused, or not one law of those that were asked for; 70 the tester broke; 75
    undecided: no failure was found, and time or requests were spent before enough was judged
    (--at-least); 130 stopped by ^C or SIGTERM. The verdict of a run that is stopped, or whose time
    is spent, is on what it has judged, and says that it is partial.
    """
    plan = _plan(address(url), options)
    if options["dry_run"]:
        _print_plan(plan)
        return
    given = options["report_dir"]
    where = given if isinstance(given, Path) else None
    kept = _kept(where, options)
    if kept is not None:
        plan.seed = int(kept.asked["seed"]) if options["seed"] is None else plan.seed
        if differs := resuming.disagreement(kept, plan):
            raise click.UsageError(f"--resume: {differs}")
    runner = Run(plan)
    seen: list[RunEvent] = []
    quiet = bool(options["quiet"])
    runner.listen(
        console.Console(
            runner.target, sys.stdout, quiet=quiet, folder=where or FOLDER, page=_page(where)
        )
    )
    runner.listen(seen.append)
    runner.first = folder.failed_before(where or FOLDER)
    if where is not None:
        runner.before_cleaning = lambda ended: folder.write(where, [*seen, ended], runner.target)
        if kept is not None:
            left = {f"conf-{name}-": _left(where, name) for name in kept.sittings}
            runner.target.secrets.take_over(kept.placeholders)
            runner.go_on_from(kept.former, left)
        runner.listen(resuming.Journal(runner, where, goes_on=kept is not None))
    with _stopped_by_signals(runner.target):
        ended = _executed(runner, seen, where)
        if where is not None:
            folder.write(where, seen, runner.target)
        elif ended.causes or runner.first:
            folder.record(FOLDER, ended, runner.target, keep=bool(plan.phases))
    sys.exit(_exit_code(ended))


def _page(where: Path | None) -> Path | None:
    return where / "report.html" if where else None


def _executed(runner: Run, seen: Sequence[RunEvent], where: Path | None) -> RunFinished:
    """Return the verdict; where the tester breaks, write down what it found until then."""
    try:
        return runner.execute()
    except Unjudgeable as why:
        if where is not None:
            folder.write(where, runner.refused(why), runner.target)
        _unreachable(why)
    except Exception:
        if where is not None:
            with suppress(Exception):  # what broke first is what is told
                folder.write(where, seen, runner.target)
        raise


class Stopped(KeyboardInterrupt):
    """Somebody wants the run to end."""


@contextmanager
def _stopped_by_signals(target: Target) -> Iterator[None]:
    """Take ^C and SIGTERM as the wish that the run ends, with a verdict on what it has judged."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _: object) -> None:
        target.stopped = f"stopped by {signal.Signals(number).name}"
        raise Stopped(target.stopped)

    before = {s: signal.signal(s, stop) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _exit_code(ended: RunFinished) -> int:
    if ended.outcome == "interrupted":
        return UNJUDGED if "went away" in ended.partial else STOPPED
    codes = {"conforms": CONFORMS, "fails": FAILS, "undecided": UNDECIDED}
    return codes.get(ended.outcome, UNJUDGED)


def _kept(where: Path | None, options: dict[str, object]) -> resuming.Kept | None:
    """Return the run to go on from, if that is asked for and there is one."""
    if not options["resume"]:
        return None
    if where is None:
        raise click.UsageError("--resume goes on from a --report-dir: name it")
    try:
        kept = resuming.read(where)
    except resuming.Unresumable as error:
        raise click.UsageError(str(error)) from error
    if kept is None or kept.is_whole:
        found = "the run there is whole" if kept else "no run has begun there"
        click.echo(f"--resume: {found}: a new one begins", err=True)
        return None
    return kept


def _left(where: Path, run_id: str) -> list[tuple[str, str]]:
    path = where / f"ledger-{run_id}.jsonl"
    try:
        return Ledger.read(path) if path.exists() else []
    except LedgerUnreadable as error:
        raise click.UsageError(str(error)) from error


def _plan(url: str, options: dict[str, object]) -> Plan:
    name = options["profile"]
    profile = profiles.chosen(
        str(name) if name else None, url, allow_writes=bool(options["allow_writes"])
    )
    limits = {
        "max_requests": options["max_requests"],
        "seconds": options["max_time"],
        "rate": options["rate"],
        "patience": options["patience"],
    }
    profile = replace(profile, **{k: v for k, v in limits.items() if v is not None})  # type: ignore[arg-type]
    phases = tuple(str(p) for p in options["phases"])  # type: ignore[attr-defined]
    if unknown := [p for p in phases if p not in PHASES]:
        raise click.UsageError(f"no phase {unknown[0]!r}: {', '.join(PHASES)}")
    only = tuple(str(p).upper() for p in options["only"])  # type: ignore[attr-defined]
    for asked in only:
        if not [law for law in LAWS if law.startswith(asked)]:
            hint = suggestion(asked)
            if asked in known():
                hint = "it is no law but judged on the way: conformance replay repeats it"
            raise click.UsageError(f"no law begins with {asked}: {hint}")
    try:
        part, parts = (int(x) for x in str(options["shard"]).split("/"))
        pairs = [str(c).partition("=") for c in options["capabilities"]]  # type: ignore[attr-defined]
        capabilities = {name: value for name, _, value in pairs}
    except ValueError as error:
        raise click.UsageError("--shard is like 2/4, --capability like consent=mock") from error
    if not 1 <= part <= parts:
        raise click.UsageError("--shard is like 2/4")
    seed = options["seed"]
    seed = int(str(seed)) if seed is not None else int.from_bytes(os.urandom(3), "big")
    accepted, reading = _accepted(options)
    run_id = str(options["run_id"] or run_id_for(seed))
    given = options["report_dir"]
    where = given if isinstance(given, Path) else FOLDER
    ledger = where / f"ledger-{run_id}.jsonl"
    return Plan(
        contract=reading,
        transport=HttpTransport(url),
        base_url=url,
        applications=applications(options),  # type: ignore[arg-type]
        profile=profile,
        seed=seed,
        run_id=run_id,
        phases=phases or _phases_of(only),
        only=only,
        shard=(part, parts),
        consumer=str(options["consumer"]) if options["consumer"] else None,
        capabilities=capabilities,
        ledger=ledger if profile.may_write else None,
        forgets=where == FOLDER,
        asked=_asked(url, options),
        waivers=accepted,
        strict=bool(options["strict"]),
        stop_first=bool(options["stop_first"]),
        rounds=profile.rounds and not only,
        at_least=float(str(options["at_least"])),
    )


def _asked(url: str, options: dict[str, object]) -> tuple[str, ...]:
    """Return the options that a law needs again when it is judged alone."""
    asked = ["--allow-writes"] if options["allow_writes"] else []
    for name in ("profile", "consumer", "patience", "spec"):  # a law is the same in each profile
        if name == "profile" and profiles.is_loopback(url):
            continue
        if options[name] is not None:
            asked += [f"--{name}", str(options[name])]
    for given in options["capabilities"]:  # type: ignore[attr-defined]
        asked += ["--capability", given]
    return tuple(asked)


def _phases_of(only: Sequence[str]) -> tuple[str, ...]:
    """Return the phases that judge the laws that were chosen; none where all were."""
    laws = [law for law in LAWS if law.startswith(tuple(only))] if only else []
    hooks = [law.startswith("VLT-HOK") for law in laws]
    return (("laws",) if not all(hooks) else ()) + (("webhooks",) if any(hooks) else ())


def _accepted(options: dict[str, object]) -> tuple[waivers.Waivers, contract.Contract]:
    """Return the failures that are known, and the contract that is judged by."""
    try:
        accepted = _waivers(options)
        reading = contract.load(str(options["spec"]) if options["spec"] else None)
    except (waivers.WaiversUnreadable, contract.ContractUnreadable) as error:
        raise click.UsageError(str(error)) from error
    if lacking := sorted(set(contract.load().operations) - set(reading.operations)):
        raise click.UsageError(f"{options['spec']} is no contract of a Vault: no {lacking[0]}")
    return accepted, reading


def _waivers(options: dict[str, object]) -> waivers.Waivers:
    named, baseline = options["waiver_file"], options["baseline"]
    path = named if isinstance(named, Path) else Path("conformance.toml")
    if bool(options["new_only"]) != bool(baseline):
        raise click.UsageError("--baseline FILE and --new-only belong together")
    found = waivers.read(path) if path.exists() or named else waivers.Waivers()
    if isinstance(baseline, Path):
        found.baseline = waivers.read_baseline(baseline)
    return found


def _print_plan(plan: Plan) -> None:
    profile = plan.profile
    operations = plan.contract.operations.values()
    allowed = [o.operation_id for o in operations if profile.may_write or not o.writes]
    click.echo(f"target     {plan.base_url}")
    click.echo(f"profile    {profile.name}: {profile.help}")
    click.echo(f"phases     {', '.join(plan.phases or profile.phases)}")
    click.echo(f"operations {len(allowed)}: {', '.join(allowed)}")
    click.echo(
        f"writes     {'under consumers ' + plan.prefix + '…' if profile.may_write else 'none'}"
    )
    click.echo(
        f"requests   {profile.max_requests} at most, {profile.rate or 'any number'} a second"
    )
    click.echo(f"time       {profile.seconds:g} s at most")
    click.echo(f"seed       {plan.seed}")


@main.command(cls=Command)
@click.argument(
    "folders",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, path_type=Path, file_okay=False),
)
@click.option(
    "--report-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write all reports here.",
)
@accepting
@click.option("--spec", help="Another file of the contract.")
def merge(folders: Sequence[Path], report_dir: Path | None, **options: object) -> None:
    """Give one verdict on the shards of a run, each by its --report-dir, and send nothing.

    Exit codes: 0 it conforms, 1 it does not, 2 usage, 3 nothing could be judged, 75 undecided: no
    failure was found, and a shard is missing, was stopped, or judged too little (--at-least).
    """
    try:
        whole = merging.merged(folders)
    except merging.Unmergeable as why:
        raise click.UsageError(str(why)) from why
    runner = Run(_merged_plan(whole, options))
    runner.target.secrets.take_over(whole.placeholders)
    runner.go_on_from(whole.former)
    seen: list[RunEvent] = []
    told = console.Console(
        runner.target, sys.stdout, quiet=True, folder=report_dir, page=_page(report_dir)
    )
    runner.listen(told)
    runner.listen(seen.append)
    ended = runner.conclude(whole.lacking, whole.spent)
    if report_dir is not None:
        folder.write(report_dir, seen, runner.target)
    sys.exit(_exit_code(ended))


def _merged_plan(whole: merging.Merged, options: dict[str, object]) -> Plan:
    accepted, reading = _accepted(options)
    if reading.version != whole.asked["contract"]:
        raise click.UsageError(
            f"the shards were judged by the contract {whole.asked['contract']}, not by "
            f"{reading.version}: name it by --spec"
        )
    return Plan(
        contract=reading,
        transport=HttpTransport(whole.asked["base_url"]),  # which nothing is sent by
        base_url=whole.asked["base_url"],
        applications=(),
        profile=PROFILES[whole.asked["profile"]],
        seed=int(whole.asked["seed"]),
        run_id="merged",
        phases=tuple(whole.asked["phases"]),
        only=tuple(whole.asked["only"]),
        capabilities=whole.capabilities,
        asked=whole.options,
        waivers=accepted,
        strict=bool(options["strict"]),
        at_least=float(str(options["at_least"])),
    )


@main.command("list", cls=Command)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_(*, as_json: bool) -> None:
    """Show the phases, checks and laws."""
    if as_json:
        rows = [
            *((w.id, w.name, w.area, w.level) for w in LAWS.values()),
            *((c.id, c.name, c.area, "MUST") for c in CHECKS.values()),
            *((p.id, p.promise, p.area, "MUST") for p in FURTHER.values()),
        ]
        names = ("id", "name", "area", "level")
        click.echo(json.dumps([dict(zip(names, row, strict=True)) for row in rows], indent=2))
        return
    click.echo("phases")
    for phase in PHASES.values():
        click.echo(f"  {phase.name:<12} {phase.help}")
    click.echo("checks (on every answer)")
    for item in CHECKS.values():
        click.echo(f"  {item.id}  {item.area:<12} {item.name}")
    click.echo("promises of other phases")
    for further in FURTHER.values():
        click.echo(f"  {further.id}  {further.area:<12} {further.promise}")
    click.echo("laws")
    for law in LAWS.values():
        click.echo(f"  {law.id}  {law.area:<12} {law.level:<6} {law.name}")


@main.command(cls=Command)
@click.argument("law")
def explain(law: str) -> None:
    """Tell what a law or check promises, why, and where it is written.

    The beginning of an id, as VLT-PAG, tells which there are.
    """
    name = law.upper().partition(":")[0].strip()
    told = explained(name) or "\n".join(of_group(name))
    if not told:
        raise click.UsageError(f"no law or check {law!r}: {suggestion(name)}")
    click.echo(told)


@main.command(cls=Command)
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.argument("url", required=False)
@credentials
@click.option("--times", default=3, show_default=True, type=click.IntRange(1), help="How often.")
@click.option("--allow-writes", is_flag=True, help="Let it write beyond this machine.")
def replay(
    file: Path, url: str | None, times: int, *, allow_writes: bool, **options: str | None
) -> None:
    """Judge a recorded failure again: still there, gone, flaky, or not to be judged here.

    Exit codes: 0 it is gone, 1 it is still there, 2 usage, 3 it could not be judged.
    """
    try:
        recording = Recording.read(file)
        where = with_leave_to_write(url or recording.base_url, allow_writes=allow_writes)
        verdict = replay_recording(
            recording, where, applications(options), HttpTransport(where), times, folder=FOLDER
        )
    except Unreplayable as error:
        raise click.UsageError(str(error)) from error
    except (Unjudgeable, TargetUnreachable) as why:
        _unreachable(why)
    click.echo(f"{recording.law}: {verdict.word} ({verdict.broken} of {verdict.times})")
    sys.exit({"FIXED": CONFORMS, "NOT JUDGED": UNJUDGED}.get(verdict.word, FAILS))


@main.command(cls=Command)
@click.argument("a")
@click.argument("b")
@credentials
@click.option("--b-app-id", envvar="VAULT_B_APP_ID", help="The application of B, if another.")
@click.option("--b-api-key", help="The key of B, if another (default: $VAULT_B_API_KEY).")
@click.option("--seed", default=1, show_default=True)
@click.option("--allow-writes", is_flag=True, help="Let it write beyond this machine.")
def diff(a: str, b: str, seed: int, *, allow_writes: bool, **options: str | None) -> None:
    """Send the same histories to two deployments and show where they differ: A | B."""
    urls = [with_leave_to_write(url, allow_writes=allow_writes) for url in (a, b)]
    ours = applications(options)
    theirs = other_side(options["b_app_id"], options["b_api_key"]) or ours
    both = min(len(ours), len(theirs))
    try:
        rows = compare(
            Side(urls[0], ours[:both], folder=FOLDER),
            Side(urls[1], theirs[:both], folder=FOLDER),
            seed,
        )
    except (Unjudgeable, TargetUnreachable) as why:
        _unreachable(why)
    for row in rows:
        click.echo(row)
    click.echo(f"{len(rows)} differences" if len(rows) != 1 else "1 difference")
    sys.exit(FAILS if rows else CONFORMS)


@main.command(cls=Command)
@click.argument("ledger", type=click.Path(exists=True, path_type=Path))
@click.argument("url")
@credentials
def cleanup(ledger: Path, url: str, **options: str | None) -> None:
    """Remove what an interrupted run left behind, by its LEDGER."""
    prefix = "conf-"
    try:
        made = [row for row in Ledger.read(ledger) if row[1].startswith(prefix)]
    except LedgerUnreadable as error:
        raise click.UsageError(str(error)) from error
    where, apps = address(url), applications(options)
    rate = 0.0 if profiles.is_loopback(where) else 20.0
    profile = replace(PROFILES["live"], may_write=True, max_requests=10**6, rate=rate)
    target = Target(contract.load(), HttpTransport(where), where, apps, profile, prefix=prefix)
    try:
        for application in apps:
            if application.id in {app for app, _ in made}:
                let_in(target, Principal(application, f"{prefix}cleanup"))
        found = clean(target, made)
    except Unjudgeable as why:
        _unreachable(why)
    finally:
        target.transport.close()
    click.echo(", ".join(f"{name} {count}" for name, count in found.items()))
    strange = sorted({app for app, _ in made} - {a.id for a in apps})
    if strange:
        click.echo(f"not looked at, for want of a key: the consumers of {', '.join(strange)}")
    sys.exit(FAILS if found["residue"] else CONFORMS)


def _unreachable(why: Exception) -> NoReturn:
    click.echo(f"conformance: {why}", err=True)
    sys.exit(UNJUDGED)

"""How fast servers answer: ours, a plain Flask + torch server as tutorials write it, and LitServe, in one run.

    python benchmarks/serving.py                          the shipped cifar10 model on two cores, about ten minutes
    python benchmarks/serving.py --rounds 1 --seconds 0.5 --out /tmp/quick.json

In each round every server is started, asked and stopped, in an order that changes; figures are medians over the rounds,
"times" the median of the ratios within a round. Each is asked about thumbnails and about a photograph of 12 megapixels,
by 1, 8 and 64 clients that wait for their answers, and by callers that do not, at 70 % of what it can do. Then ours is
asked ten times as often as it can answer, and by 64 clients with and without computing their images together. Every
server runs as it comes, ours with all its limits, metrics and logs; where it computes in bf16 then, also in fp32.
results/serving.json is of a processor with bf16, results/serving-avx2.json of one without that and AVX-512.
Clients and server share the cores, so a result also says what the clients took. Runs on an otherwise idle machine;
needs `pip install 'thumbnet[api,bench]'`.
"""

from __future__ import annotations

import argparse
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from load import closed_loop, open_loop
from machine import describe_machine, use_cores
from parts import measure_parts
from pictures import large_jpeg, small_jpegs
from rich.console import Console
from rich.table import Table
from servers import LITSERVE, OURS, OURS_FP32, SERVERS, TUTORIAL, Running, running

RESULTS = Path(__file__).parent / "results" / "serving.json"
CLIENTS = (1, 8, 64)
LOAD, OVERLOAD = 0.7, 10
"""Of the most requests a second that a server has answered."""
WARM_UP_SECONDS = 1.0
PARTS = 1000
"""How often each part of a request is measured."""
PACKAGES = (
    *("thumbnet", "flask", "uvicorn", "httptools", "uvloop", "openvino", "numpy", "Pillow"),
    *("torch", "torchvision", "litserve"),
)

Report = dict[str, Any]


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="cifar10")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each kind of load, server and round")
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args(arguments)


def measure_server(name: str, weights: str, images: Mapping[str, Sequence[bytes]], seconds: float) -> Report:
    """One round of one server, under every kind of load."""
    with running(name, weights) as server:
        round_: Report = {"labels": [server.label(image) for image in images["small"]], "closed": {}, "open": {}}
        for kind, pictures in images.items():
            requests = [server.request(picture) for picture in pictures]
            closed = {
                str(clients): closed_loop(server.port, requests, clients, seconds, warm_up=warm_up(seconds))
                for clients in CLIENTS
            }
            most = max(report["per_second"] for report in closed.values())
            if not most:
                seen = [report["statuses"] for report in closed.values()]
                raise SystemExit(f"{name} answered no {kind} image in {seconds:g} s, but {seen}; try more --seconds")
            round_["closed"][kind] = closed
            round_["open"][kind] = open_loop(server.port, requests, LOAD * most, seconds, warm_up=warm_up(seconds))
            if name in (OURS, OURS_FP32) and kind == "small":
                round_["overload"] = overload(server, requests, most, seconds)
        if name == OURS:
            nothing = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
            round_["empty"] = closed_loop(server.port, [nothing], 1, seconds, warm_up=warm_up(seconds))
    return round_


def measure_batching(name: str, weights: str, images: Sequence[bytes], seconds: float) -> Report:
    """One round of one of ours at the most clients: requests/s as it is and with each request on its own."""
    rates = []
    for environment in ({}, {"THUMBNET_BATCH_SIZE": "1"}):
        with running(name, weights, **environment) as server:
            requests = [server.request(image) for image in images]
            report = closed_loop(server.port, requests, max(CLIENTS), seconds, warm_up=warm_up(seconds))
            rates.append(report["per_second"])
    together, alone = rates
    return {"together": together, "alone": alone, "gain": round(together / alone, 3) if alone else None}


def overload(server: Running, requests: Sequence[bytes], most: float, seconds: float) -> Report:
    """Requests at OVERLOAD times what the server can answer."""
    report = open_loop(server.port, requests, OVERLOAD * most, seconds, warm_up=warm_up(seconds))
    return report | {"goodput_of_peak": round(report["per_second"] / most, 3)}


def warm_up(seconds: float) -> float:
    """How long a load runs before it is measured."""
    return min(WARM_UP_SECONDS, seconds)


def check_labels(rounds: Mapping[str, Sequence[Report]]) -> None:
    """Raise SystemExit where servers do not answer alike: then they would not serve the same network."""
    expected = rounds[OURS][0]["labels"]
    for name, reports in rounds.items():
        for report in reports:
            if report["labels"] != expected:
                raise SystemExit(f"{name} answers {report['labels']}, but {OURS} {expected}")


def median_report(reports: Sequence[Report]) -> Report:
    """The median of each figure, where there is one; statuses are added up."""
    result: Report = {}
    for key in reports[0]:
        values = [report[key] for report in reports if report[key] is not None]
        if key == "statuses":
            result[key] = dict(sorted(sum((Counter(value) for value in values), Counter[str]()).items()))
        else:
            result[key] = round(statistics.median(values), 3) if values else None
    return result


def summarize(rounds: Mapping[str, Sequence[Report]]) -> dict[str, Any]:
    """Medians of each server's figures, and how many times more requests a second ours answers than each other one."""
    kinds = list(rounds[OURS][0]["closed"])
    return {
        "closed_loop": {
            name: {
                kind: {c: median_report([r["closed"][kind][c] for r in reports]) for c in reports[0]["closed"][kind]}
                for kind in kinds
            }
            for name, reports in rounds.items()
        },
        "open_loop": {
            name: {kind: median_report([r["open"][kind] for r in reports]) for kind in kinds}
            for name, reports in rounds.items()
        },
        "overload": median_report([report["overload"] for report in rounds[OURS]]),
        "overload_fp32": (
            median_report([report["overload"] for report in rounds[OURS_FP32]]) if OURS_FP32 in rounds else None
        ),
        "empty_request": median_report([report["empty"] for report in rounds[OURS]]),
        "times_faster": {
            name: {kind: times_faster(rounds[OURS], reports, kind) for kind in kinds}
            for name, reports in rounds.items()
            if name != OURS
        },
    }


def times_faster(ours: Sequence[Report], theirs: Sequence[Report], kind: str) -> dict[str, float | None]:
    """Clients → the median over the rounds of the ratio of requests a second; None where the other answered none."""
    result = {}
    for clients in ours[0]["closed"][kind]:
        rates = [[r["closed"][kind][clients]["per_second"] for r in reports] for reports in (ours, theirs)]
        ratios = [a / b for a, b in zip(*rates, strict=True) if b]
        result[clients] = round(statistics.median(ratios), 2) if ratios else None
    return result


def judge(results: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What was aimed at → what was measured, and whether that is enough."""
    ours, times, beyond = results["closed_loop"][OURS], results["times_faster"], results["overload"]
    targets: list[tuple[str, float | None, str, float]] = [
        (f"64 clients: times {TUTORIAL}", times[TUTORIAL]["small"]["64"], "≥", 8),
        (f"64 clients: times {LITSERVE}", times[LITSERVE]["small"]["64"], "≥", 3.5),
        ("64 clients: gain of batches", results["batching"]["gain"], "≥", 1.2),
        ("1 client: p50, ms", ours["small"]["1"]["p50_ms"], "≤", 1.5),
        ("12 megapixels: p50, ms", ours["large"]["1"]["p50_ms"], "≤", 60),
        ("overload: p99 of 503, ms", beyond["rejected_p99_ms"], "≤", 50),
        ("overload: p99 of 200, ms", beyond["p99_ms"], "≤", 2000 * results["deadline_s"]),
        ("overload: goodput of peak", beyond["goodput_of_peak"], "≥", 0.9),
    ]
    return {
        name: {
            "measured": measured,
            "wanted": f"{sign} {wanted:g}",
            "met": measured is not None and (measured >= wanted if sign == "≥" else measured <= wanted),
        }
        for name, measured, sign, wanted in targets
    }


def cell(report: Report) -> str:
    """Requests a second, and latencies where there are any."""
    latencies = " / ".join("–" if report[key] is None else f"{report[key]:,.1f}" for key in ("p50_ms", "p99_ms"))
    return f"{report['per_second']:,.0f}: {latencies}"


def show(results: Mapping[str, Any]) -> None:
    """Print the results as tables."""
    console = Console(highlight=False)
    machine = results["machine"]
    console.print(f"{machine['processor']}, {machine['cores']} cores; requests/s: p50 / p99 ms")
    for kind, size in results["images"].items():
        columns = [*(f"{clients} clients" for clients in CLIENTS), f"Poisson at {LOAD:.0%}"]
        table = Table("server", *columns, title=f"{results['weights']}, {kind} JPEG of {size:,} bytes")
        for name, by_kind in results["closed_loop"].items():
            reports = [*by_kind[kind].values(), results["open_loop"][name][kind]]
            table.add_row(name, *map(cell, reports))
        console.print(table)
    parts = Table("part of a request, ms", *results["parts_ms"])
    for part in results["parts_ms"]["small"]:
        parts.add_row(part, *(str(by_part[part]) for by_part in results["parts_ms"].values()))
    console.print(parts)
    for beyond in filter(None, (results["overload"], results["overload_fp32"])):
        show_overload(console, beyond, machine["cores"])
    for name, target in results["targets"].items():
        console.print(f"{name}: {target['measured']}, wanted {target['wanted']}{'' if target['met'] else ': MISSED'}")


def show_overload(console: Console, beyond: Report, cores: int) -> None:
    """Print what became of too many requests."""
    console.print(
        f"asked {beyond['offered_per_second']:,} times a second: {beyond['per_second']:,} answers 200 a second; "
        f"statuses {beyond['statuses']}, {beyond['unanswered']} without; "
        f"the clients took {beyond['client_cores']} of {cores} cores; "
        f"{beyond['goodput_of_peak']} of the peak, 99 of 100 answers 503 within {beyond['rejected_p99_ms']} ms"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure everything and write it down."""
    options = parse_options(arguments)
    use_cores(options.cores)

    from thumbnet import Classifier
    from thumbnet.api import Settings
    from thumbnet.model.files import write_json
    from thumbnet.model.weights import find_weights, read_config

    config = read_config(find_weights(options.weights))
    images = {"small": small_jpegs(config.labels, config.preprocessing.image_size), "large": [large_jpeg()]}
    as_it_comes = Classifier.load(options.weights).precision
    names = [name for name in SERVERS if name != OURS_FP32 or as_it_comes == "bf16"]
    rounds: dict[str, list[Report]] = {name: [] for name in names}
    batching: dict[str, list[Report]] = {name: [] for name in names if name in (OURS, OURS_FP32)}
    for number in range(options.rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            print(f"round {number + 1} of {options.rounds}: {name}", flush=True)
            rounds[name].append(measure_server(name, options.weights, images, options.seconds))
        for name, reports in batching.items():
            print(f"round {number + 1} of {options.rounds}: {name} with and without batches", flush=True)
            reports.append(measure_batching(name, options.weights, images["small"], options.seconds))
    check_labels(rounds)
    figures = summarize(rounds)
    empty = figures["empty_request"]["p50_ms"]
    results = {
        "weights": options.weights,
        "sha256": config.files["model.onnx"],
        "machine": describe_machine(*PACKAGES),
        "images": {kind: round(statistics.mean(map(len, pictures))) for kind, pictures in images.items()},
        "rounds": options.rounds,
        "seconds": options.seconds,
        "deadline_s": Settings.from_environment().deadline,
        **figures,
        "batching": median_report(batching[OURS]),
        "batching_fp32": median_report(batching[OURS_FP32]) if OURS_FP32 in batching else None,
        "parts_ms": {
            kind: measure_parts(
                options.weights, pictures[0], figures["closed_loop"][OURS][kind]["1"]["p50_ms"], empty, PARTS
            )
            for kind, pictures in images.items()
        },
    }
    results["targets"] = judge(results)
    show(results)
    write_json(options.out, results)


if __name__ == "__main__":
    main()

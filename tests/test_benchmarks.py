"""The benchmarks: what they compare is the same network, and what they write down can be read again."""

from __future__ import annotations

import importlib
import io
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from thumbnet import Classifier
from thumbnet.model.architectures import build
from thumbnet.model.datasets import Dataset, Split
from thumbnet.model.images import Preprocessing
from thumbnet.model.weights import WeightsConfig, save_weights

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
RESULTS = sorted((BENCHMARKS / "results").glob("*.json"))


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Import a benchmark as running it would. The course has modules of the same name: none stays."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield importlib.import_module
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(BENCHMARKS)):
            del sys.modules[name]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained perceptron for 16×16 images in colour."""
    torch.manual_seed(0)
    network = build("mlp", num_classes=3, in_channels=3, image_size=16, options={"hidden": [8]})
    folder = tmp_path_factory.mktemp("weights")
    preprocessing = Preprocessing(image_size=16, channels=3)
    labels = ("a", "b", "c")
    save_weights(
        folder,
        network,
        WeightsConfig(
            name="tiny", architecture="mlp", options={"hidden": [8]}, labels=labels, preprocessing=preprocessing
        ),
    )
    return folder


def split(count: int) -> Split:
    generator = torch.Generator().manual_seed(count)
    pixels = torch.randint(0, 256, (count, 3, 16, 16), generator=generator, dtype=torch.uint8)
    return Split(pixels, torch.arange(count) % 3)


@pytest.fixture
def data() -> Dataset:
    return Dataset("noise", ("a", "b", "c"), split(99), split(70), split(60))


def test_every_engine_computes_the_same_network(
    load: Callable[[str], ModuleType], weights: Path, rng: np.random.Generator
) -> None:
    engines = load("engines").build_engines(str(weights), 1)
    assert {"thumbnet", "OpenVINO fp32", "ONNX Runtime fp32", "torch fp32"} <= set(engines)
    pixels = rng.integers(0, 256, (8, 16, 16, 3), dtype=np.uint8)
    expected = engines["torch fp32"](pixels)
    for name, engine in engines.items():
        assert np.allclose(engine(pixels), expected, atol=1e-4 if "fp32" in name else 0.05), name


def test_rates_are_medians_and_ratios_are_taken_within_a_round(load: Callable[[str], ModuleType]) -> None:
    rates = {"thumbnet": {1: [10.0, 20.0, 90.0]}, "other": {1: [5.0, 5.0, 10.0]}}
    assert load("engines").summarize(rates) == {
        "images_per_second": {"thumbnet": {"1": 20}, "other": {"1": 5}},
        "times_faster": {"other": {"1": 4.0}},
    }


def test_the_inference_benchmark_writes_everything_down(
    load: Callable[[str], ModuleType],
    weights: Path,
    data: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    inference = load("inference")
    monkeypatch.setattr(inference, "load_training_data", lambda _: data)
    monkeypatch.setattr(inference, "LATENCIES", 5)
    monkeypatch.setattr(inference, "HEATMAPS", 2)
    monkeypatch.setattr(inference, "COLD_STARTS", 1)
    monkeypatch.setattr(inference, "use_cores", lambda count: None)
    out = tmp_path / "inference.json"
    inference.main(
        ["--weights", str(weights), "--rounds", "2", "--seconds", "0.001", "--cores", "1", "--out", str(out)]
    )
    results = json.loads(out.read_text())
    assert set(results["images_per_second"]) == {"thumbnet", *results["times_faster"]}
    assert results["cold_start_s"]["torch"] is False
    assert (results["latency_ms"]["images"], results["heatmap_ms"]["images"]) == (5, 2)
    assert results["precision"]["images"] == 70
    assert "images/s" in capsys.readouterr().out


def test_int8_pays_only_where_it_is_faster_and_as_exact(load: Callable[[str], ModuleType]) -> None:
    judge = load("int8").judge
    assert judge({"1": 1.3, "8": 1.1, "64": 1.4}, 0.1) == "pays"
    assert judge({"1": 1.1, "8": 2.0, "64": 1.4}, 0.1) == "left out: 1.1 × at batch 1"
    assert judge({"1": 1.5, "8": 2.0, "64": 1.2}, 0.2) == "left out: 1.2 × at batch 64, 0.2 points lost"


def test_every_committed_result_says_when_and_on_what_it_was_measured() -> None:
    assert RESULTS
    for path in RESULTS:
        machine = json.loads(path.read_text(encoding="utf-8"))["machine"]
        assert set(machine) >= {"date", "processor", "flags", "cores", "python", "versions"}, path
        assert machine["cores"] == 2, path


class Slow(BaseHTTPRequestHandler):
    """Answers a thumbnail after a moment, and each third request that it must come again."""

    protocol_version = "HTTP/1.1"
    asked = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        Slow.asked += 1
        time.sleep(0.002)
        self.send_response(503 if Slow.asked % 3 == 0 else 200)
        if Slow.asked % 3 == 0:
            self.send_header("Retry-After", "1")
        if Slow.asked % 5 == 0:
            self.send_header("Connection", "close")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def port() -> Iterator[int]:
    """The port of a slow server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


REQUEST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"


def test_a_closed_loop_counts_each_answer(load: Callable[[str], ModuleType], port: int) -> None:
    report = load("load").closed_loop(port, [REQUEST], 2, 0.4, warm_up=0.05)
    assert set(report["statuses"]) == {"200", "503"}
    assert report["per_second"] > 0
    assert 2 <= report["p50_ms"] <= report["p99_ms"]
    assert report["rejected_p99_ms"] >= 2
    assert report["unanswered"] == 0


def test_an_open_loop_asks_at_its_own_rate(load: Callable[[str], ModuleType], port: int) -> None:
    report = load("load").open_loop(port, [REQUEST], 100.0, 0.3)
    assert 0 < report["offered_per_second"] < 200
    assert sum(report["statuses"].values()) == round(0.3 * report["offered_per_second"])
    assert report["late_p99_ms"] >= 0


def test_a_server_that_is_gone_gives_no_answers(load: Callable[[str], ModuleType]) -> None:
    gone = load("servers").free_port()
    report = load("load").closed_loop(gone, [REQUEST], 1, 0.05)
    assert set(report["statuses"]) == {"no answer"}
    assert (report["per_second"], report["p50_ms"]) == (0, None)


def test_latency_counts_from_when_a_request_was_due(load: Callable[[str], ModuleType]) -> None:
    module = load("load")
    answers = [
        module.Answer(1.0, 1.5, 2.0, "200"),
        module.Answer(1.2, 1.2, 1.3, "503"),
        module.Answer(0, 0, 1.1, "200"),
    ]
    report = module.describe(answers, 1.0, 3.0)
    assert report == {
        "per_second": 1.0,
        "p50_ms": 1000,
        "p99_ms": 1000,
        "rejected_p99_ms": 100,
        "statuses": {"200": 1, "503": 1},
    }
    assert module.lateness(answers, 1.0, 3.0) == pytest.approx(495, abs=5)


@pytest.mark.parametrize(
    ("received", "answer"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Le", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{", None),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", ("200", True)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}", ("200", False)),
        (b"HTTP/1.1 200 OK\r\n\r\n{}", ("200 of unknown length", False)),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nRetry-After: 1\r\n\r\n", ("503", True)),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", ("503 without Retry-After", True)),
    ],
)
def test_an_answer_is_read_when_it_is_whole(
    load: Callable[[str], ModuleType], received: bytes, answer: tuple[str, bool] | None
) -> None:
    assert load("client").read_answer(bytearray(received)) == answer


def test_the_pictures_are_thumbnails_and_a_photograph(load: Callable[[str], ModuleType]) -> None:
    pictures = load("pictures")
    thumbnails = [Image.open(io.BytesIO(data)) for data in pictures.small_jpegs(["cat", "dog"], 32)]
    assert [(image.format, image.size) for image in thumbnails] == [("JPEG", (32, 32))] * 2
    assert Image.open(io.BytesIO(pictures.large_jpeg((120, 90)))).size == (120, 90)
    assert len(pictures.small_jpegs(["unknown"], 16)) > 2


def one_round(per_second: float, p50: float) -> dict[str, Any]:
    report = {
        "per_second": per_second,
        "p50_ms": p50,
        "p99_ms": 2 * p50,
        "rejected_p99_ms": None,
        "statuses": {"200": 9},
    }
    closed = {kind: dict.fromkeys(("1", "8", "64"), report) for kind in ("small", "large")}
    overload = report | {"rejected_p99_ms": 20.0, "goodput_of_peak": 0.95}
    return {"closed": closed, "open": {"small": report, "large": report}, "overload": overload, "empty": report}


def test_servers_are_compared_within_a_round_and_judged(load: Callable[[str], ModuleType]) -> None:
    serving = load("serving")
    results = serving.summarize(
        {
            "thumbnet": [one_round(1000, 1.0), one_round(500, 2.0), one_round(900, 1.2)],
            "Flask + torch": [one_round(100, 9.0), one_round(50, 9.0), one_round(0, 9.0)],
            "LitServe": [one_round(500, 9.0), one_round(100, 9.0), one_round(300, 9.0)],
        }
    )
    ours = results["closed_loop"]["thumbnet"]["small"]["64"]
    assert (ours["per_second"], ours["p50_ms"], ours["rejected_p99_ms"]) == (900, 1.2, None)
    assert ours["statuses"] == {"200": 27}
    assert results["times_faster"]["Flask + torch"]["small"]["64"] == 10
    assert results["times_faster"]["LitServe"]["small"]["64"] == 3
    rest = {"batching": serving.median_report([{"gain": 1.3}, {"gain": 1.1}, {"gain": None}]), "deadline_s": 2.0}
    assert rest["batching"] == {"gain": 1.2}
    met = {name: target["met"] for name, target in serving.judge({**results, **rest}).items()}
    assert [name for name, is_met in met.items() if not is_met] == ["64 clients: times LitServe"]


def test_servers_that_answer_differently_are_not_compared(load: Callable[[str], ModuleType]) -> None:
    rounds = {"thumbnet": [{"labels": ["cat"]}], "LitServe": [{"labels": ["dog"]}]}
    with pytest.raises(SystemExit, match=r"LitServe answers \['dog'\], but thumbnet \['cat'\]"):
        load("serving").check_labels(rounds)


def test_the_parts_of_a_request_add_up(load: Callable[[str], ModuleType]) -> None:
    parts = load("parts").complete({"decoding": 0.25, "model": 0.5}, 1.0)
    assert parts == {"decoding": 0.25, "model": 0.5, "the rest": 0.25, "all": 1.0}


def test_a_soak_finds_what_grows(load: Callable[[str], ModuleType], rng: np.random.Generator) -> None:
    soak = load("soak")
    noise = rng.normal(0, 100_000, 601)
    samples = [soak.Sample(2.0 * i, int(3e8 + 2e6 * 2 * i / 3600 + noise[i]), 40, 9, (1, 2)) for i in range(601)]
    rest = [soak.Sample(60.0 * i, 0, 30, 9, (1, 2)) for i in range(21)]
    results = soak.summarize(samples, rest)
    assert results["slope_mb_per_hour"] == pytest.approx(2, abs=2 * results["slope_two_standard_errors"])
    assert results["slope_two_standard_errors"] < 1
    assert results["descriptors_at_rest"] == [30] * 16
    assert list(soak.judge({**results, "statuses": {"200": 5}, "unanswered": 0}).values()) == [False, True, True, True]


def test_a_soak_that_is_too_short_says_so(load: Callable[[str], ModuleType]) -> None:
    soak = load("soak")
    with pytest.raises(SystemExit, match="2 samples are too few"):
        soak.fit_slope([0.0, 1.0], [5.0, 5.0])
    with pytest.raises(SystemExit, match="0 at rest"):
        soak.summarize([soak.Sample(1.0, 5, 5, 5, (1,))], [])


@pytest.mark.parametrize("name", ["serving", "soak"])
def test_a_benchmark_of_servers_explains_itself(
    load: Callable[[str], ModuleType], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        load(name).parse_options(["--help"])
    assert "--out" in capsys.readouterr().out


def test_the_rivals_answer_as_we_do(load: Callable[[str], ModuleType], weights: Path) -> None:
    servers = load("servers").SERVERS
    image = load("pictures").small_jpegs(["cat"], 16)[0]
    expected = Classifier.load(weights, runtime="torch").predict(image).label

    kind, body = servers["Flask + torch"].wrap(image)
    client = load("tutorial_server").create_app(str(weights)).test_client()
    answer = client.post(servers["Flask + torch"].path, data=body, content_type=kind).get_json()
    assert servers["Flask + torch"].label(answer) == expected

    rival = load("litserve_server").ImageClassifierAPI(str(weights))
    rival.setup("cpu")
    pixels = rival.decode_request(json.loads(servers["LitServe"].wrap(image)[1]))
    answers = [rival.encode_response(output) for output in rival.predict(torch.stack([pixels, pixels]))]
    assert [servers["LitServe"].label(answer) for answer in answers] == [expected] * 2


def test_the_fast_recipe_is_compared_with_eight_epochs_at_full_size(load: Callable[[str], ModuleType]) -> None:
    recipes = load("training").build_recipes()
    fast, compared = recipes["cifar10-fast"], recipes["airbench94"]
    assert (compared.architecture, compared.epochs, compared.batch_size) == ("airbench", 8, 2000)
    assert (compared.translate, compared.cutout, compared.start_size, compared.flip) == (2, 0, None, "alternating")
    assert fast.validation_share == compared.validation_share, "both train on as many images"


def test_a_training_is_measured_from_its_steps_to_its_six_views(
    load: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, data: Dataset
) -> None:
    training = load("training")
    monkeypatch.setattr(training, "MATRIX", 64)
    monkeypatch.setattr(training, "MATRIX_SECONDS", 0.01)
    recipe = training.build_recipes()["airbench94"].replace(
        architecture="mlp", image_size=16, epochs=2, batch_size=8, options={"hidden": [8]}, optimizer="adam"
    )
    run = training.measure(recipe, data)
    assert run["images_per_second"] > 0
    assert run["peak_mib"] > 50
    assert run["share_of_matrix_rate"] > 0
    assert all(0 <= run[key] <= 1 for key in ("validation_accuracy", "test_accuracy", "test_accuracy_one_view"))


def test_six_views_weigh_the_image_as_much_as_its_shifts(load: Callable[[str], ModuleType]) -> None:
    class Corners(torch.nn.Module):
        """The four corner pixels of the first channel."""

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            first = pixels[:, 0].float()
            return torch.stack([first[:, y, x] for y in (0, -1) for x in (0, -1)], dim=1)

    training = load("training")
    recipe = training.build_recipes()["airbench94"].replace(precision="fp32")
    pixels = torch.randint(0, 256, (3, 3, 16, 16), dtype=torch.uint8)
    seen = training.six_views(Corners(), Split(pixels, torch.zeros(3, dtype=torch.long)), recipe)
    first = pixels[:, 0].float()

    corner = (first[:, 0, 0] + first[:, 0, -1]) / 2  # of the image and its mirror image
    shifted = (first[:, 1, 1] + first[:, 1, -2]) / 2  # what either shift brings there, by reflection
    assert torch.allclose(seen[:, 0], (corner + shifted) / 2, atol=1e-4)


def test_the_accuracy_of_a_recipe_is_the_mean_of_its_seeds(load: Callable[[str], ModuleType]) -> None:
    summarize = load("training").summarize
    runs = [{"seconds": 10.0, "test_accuracy": 0.93}, {"seconds": 20.0, "test_accuracy": 0.95}]
    both, one = summarize(runs), summarize(runs[:1])
    assert (both["seconds"], both["test_accuracy"], both["seeds"]) == (15.0, 0.94, 2)
    assert both["deviation"] == pytest.approx(0.01414, abs=1e-5)
    assert one["deviation"] == 0.0

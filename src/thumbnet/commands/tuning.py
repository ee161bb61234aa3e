"""`thumbnet tune`: find better values for the fields of a recipe."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import rich.progress as rp
import typer
from safetensors import SafetensorError

from thumbnet.model import ThumbnetError
from thumbnet.model.errors import MissingDependency

from .describing import describe_classes, note_concerns
from .shared import errors, folder_path, require_outside, require_writable, say
from .training import choose_recipe, import_training_modules, parse_change

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial


def tune(
    recipe: Annotated[str, typer.Option("--recipe", "-r", help="A named recipe or a JSON file.")] = "",
    data: Annotated[
        Path | None, typer.Option(parser=folder_path, help="A folder of images with a sub-folder for each class.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The study folder.  [default: tune/NAME]", show_default=False)
    ] = None,
    search: Annotated[
        list[str] | None,
        typer.Option("--search", help="May be repeated: field=low:high, field=low:high:log or field=a,b."),
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="Trials of the whole study, those of before included.")] = 20,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs of a trial.  [default: the recipe's]", show_default=False)
    ] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Change a field for all trials: field=value (JSON).")
    ] = None,
    download: Annotated[bool, typer.Option("--download", help="Download the data set if it is missing.")] = False,
) -> None:
    """Find better values for the fields of a recipe. The same command goes on after a stop, or joins in meanwhile."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        raise ThumbnetError("torchrun is for one training; to share a study, start thumbnet tune as often as you like.")
    datasets = import_training_modules()
    import torch

    try:
        from thumbnet.model.search import parse_space
        from thumbnet.model.tune import BEST, REPORT, open_study, run_trials
    except ImportError as error:
        raise MissingDependency(error.name or "optuna", "train") from error
    given = dict(parse_change(change) for change in changes or [])
    for field, _, choices in (entry.partition("=") for entry in search or ()):
        if field == "architecture" and not {"architecture", "start_from"} & given.keys():
            given["architecture"] = choices.split(",")[0]  # a network of one's own: it starts from no weights
    values, _ = choose_recipe(recipe, data, given | ({"epochs": epochs} if epochs else {}))
    space = parse_space(search or (), values)
    folder = out or Path("tune") / values.name
    require_writable(folder, "Choose another with --out.")
    require_outside(folder, data)
    loaded = datasets.load_dataset(
        values.dataset,
        image_size=values.image_size,
        validation_share=values.validation_share,
        download=download,
    )
    if values.dataset not in datasets.DATASETS:
        describe_classes(loaded)
        folder.mkdir(parents=True, exist_ok=True)
        note_concerns(loaded, folder)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    told: set[int] = set()
    columns = (rp.TextColumn("tuning  "), rp.BarColumn(), rp.MofNCompleteColumn(), rp.TextColumn("{task.fields[best]}"))
    try:
        study = open_study(values, loaded, folder, space)
        say(f"{folder}: searching {', '.join(space)}; epochs of a trial: {values.epochs}")
        with rp.Progress(*columns) as bar:
            task = bar.add_task("tune", total=trials, **_state(study))
            for trial in run_trials(study, values, loaded, folder, space, trials=trials, device=device):
                bar.console.print(_line(trial), highlight=False, markup=False, emoji=False, soft_wrap=True)
                bar.update(task, **_state(study))
                told.add(trial.number)
    except KeyboardInterrupt as stop:
        errors.print(f"Stopped. The same command goes on from {folder}.", highlight=False, markup=False)
        raise typer.Exit(130) from stop
    except (OSError, SafetensorError) as error:
        raise ThumbnetError(
            f"cannot write to {folder}: {error}. The same command goes on once that is mended."
        ) from error
    found = study.get_trials(deepcopy=False)
    if running := sum(not trial.state.is_finished() for trial in found):
        say(f"Trials that other processes still work on: {running}.")
    if not (folder / BEST).exists():
        if running:
            return
        for trial in found:
            if trial.number not in told:
                say(_line(trial))
        raise ThumbnetError(
            f"no trial of {folder} was trained to its end; the lines above say why. Search other values, with another "
            "--out."
        )
    say(f"Best: {_line(study.best_trial)}. Picture of the study: {folder / REPORT}.")
    say(f"Next: thumbnet train --recipe {shlex.quote(str(folder / BEST))}")


def _state(study: Study) -> dict[str, Any]:
    """What the progress bar shows: trials that ended, and the best of them."""
    ended = [trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()]
    complete = [trial.values[0] for trial in ended if trial.state.name == "COMPLETE"]
    return {"completed": len(ended), "best": f"best {max(complete):.2%}" if complete else ""}


def _line(trial: FrozenTrial) -> str:
    """A trial in a line: how it ended, and its values."""
    values = " ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in trial.params.items())
    if not trial.values:
        return f"trial {trial.number}: failed  {values}  ({trial.user_attrs.get('reason', 'killed')})"
    if reason := trial.user_attrs.get("reason"):
        return f"trial {trial.number}: stopped  {values}  ({reason})"
    early = f" when stopped early, after epoch {len(trial.intermediate_values)}"
    return f"trial {trial.number}: {trial.values[0]:.2%}{early * (trial.state.name == 'PRUNED')}  {values}"

"""The chapters of a kernel: recipes, loop, samples, data, FID, submission, report, machinery."""

from lib.bundler.chapters import Chapter
from lib.kernel.competition.table import find_package
from lib.kernel.configuration.config import Config
from lib.kernel.recipes.table import ROWS

_KERNEL = "lib/kernel"
# Of a recipe: what it is, its loss, its step, its networks, its samples; then the rest.
_RECIPE = (
    *("__init__", "losses", "trainer", "first_seed", "second_seed", "critic", "networks"),
    *("denoiser", "unet", "model", "row_transformer", "heun", "sampler", "successive_halving"),
)
_TRAINING = (
    *("train", "trainer", "adversarial", "optimise", "between_steps"),
    *("observer", "snapshots", "weight_selection", "state"),
)


def list_chapters(config: Config, entry: str) -> tuple[Chapter, ...]:
    """(Config, the entry's file name) -> the chapters of its kernel, as a reader wants them."""
    data = find_package(config.competition).replace(".", "/")
    submission = (f"{data}/submission.py", f"{data}/submission*.py")
    top = (*_name(_KERNEL, "__init__"), entry)
    return (
        *_list_recipes(config.recipe),
        _chapter("The training loop", "training", *_TRAINING, last=("worker_rank", "signal_guard")),
        _chapter("Sampling", "sampling", "model_file", "draw"),
        Chapter(
            "The data",
            (*_name(data, "__init__", "competition"), f"{data}/*", f"{_KERNEL}/competition/*"),
        ),
        _chapter("Features and FID", "metrics", "fid", "features", "inception"),
        _chapter("Curation", "curation", "choose", "curate"),
        Chapter("The submission", submission),
        _chapter("The report", "report", "report"),
        Chapter(
            "The run",
            (
                *top,
                *_name(_KERNEL, "main", "pipeline", "run_steps", "stages", "recipe"),
                f"{_KERNEL}/report_config.py",
                *_chapter("", "planning", "plan").paths,
            ),
        ),
        Chapter("Machinery", ("lib/base/__init__.py", f"{_KERNEL}/*", "lib/base/*", "*")),
    )


def _list_recipes(recipe: str) -> list[Chapter]:
    """A recipe's name -> a chapter for each family of recipes, its own first."""
    families: dict[str, str] = {}
    for name in (recipe, *ROWS):
        families.setdefault(ROWS[name].module.split(".")[-2], name)
    return [
        _chapter(f"{'The recipe' if name == recipe else 'Recipe'} {name}", place, *_RECIPE[1:])
        for name, place in ((name, f"recipes/{family}") for family, name in families.items())
    ]


def _chapter(title: str, folder: str, *first: str, last: tuple[str, ...] = ()) -> Chapter:
    """A chapter of one folder: what it is, the modules to read first, the others, the last ones."""
    place = f"{_KERNEL}/{folder}"
    return Chapter(title, (*_name(place, "__init__", *first), f"{place}/*", *_name(place, *last)))


def _name(place: str, *modules: str) -> tuple[str, ...]:
    return tuple(f"{place}/{module}.py" for module in modules)

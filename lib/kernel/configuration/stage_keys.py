"""The settings that switch off a stage of the run, which a kernel may then leave out."""

from collections.abc import Mapping

from lib.kernel.configuration.config import TF_FID, Config

# A key of Config -> the field of lib.kernel.stages.Stages that holds its stage.
STAGE_KEYS: Mapping[str, str] = {
    "ranks": "ranks",
    "graphs": "make_graphs",
    "fid_loss": "finetune",
    "sweep": "tune_temperature",
    "curate": "curate",
    "preprocessing": "use_tf_layout",
}


def list_needed(config: Config) -> list[str]:
    """A Config -> the keys by which it asks for an optional stage."""
    is_asked = {
        "ranks": config.ranks != 1,
        "graphs": config.graphs,
        "fid_loss": config.fid_loss != 0,
        "sweep": config.sweep,
        "curate": config.curate,
        "preprocessing": config.preprocessing == TF_FID,
    }
    return [key for key in STAGE_KEYS if is_asked[key]]

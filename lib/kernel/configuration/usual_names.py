"""A setting's name in other tools -> its key or option here, or why there is none."""

from collections.abc import Iterable

from lib.base.errors import nearest_name
from lib.kernel.configuration.config import COMPETITION_KEYS, KEYS

_USUAL = {  # key -> its names in other tools
    "lr": "learning_rate learn_rate learningrate rate",
    "batch": "batch_size batchsize bs minibatch mini_batch minibatch_size train_batch_size",
    "epochs": "epoch num_epochs n_epochs nepochs max_epochs num_train_epochs",
    "steps": "step max_steps num_steps n_steps iterations iters n_iter max_iter max_iters",
    "minutes": "time time_limit max_minutes max_time duration timeout",
    "train_minutes": "training_minutes train_time training_time",
    "seed": "random_seed random_state manual_seed rng_seed",
    "ranks": "gpus num_gpus n_gpus ngpu devices num_devices world_size nproc nproc_per_node",
    "n_critic": "critic_steps critic_iters critic_iterations d_steps disc_steps ncritic",
    "gp_weight": "lambda lambda_ lambda_gp gp_lambda lambd gp gradient_penalty gamma r1_gamma",
    "latent_dim": "latent latent_size z_dim zdim nz noise_dim z",
    "width": "channels base_channels hidden hidden_dim hidden_size ngf ndf nf features",
    "depth": "layers num_layers n_layers blocks num_blocks",
    "ema_decay": "ema ema_rate ema_beta ema_momentum",
    "beta1": "b1 beta_1 betas adam_beta1 momentum",
    "beta2": "b2 beta_2 adam_beta2",
    "save_every": "save_interval checkpoint_every checkpoint_interval sample_interval save_freq",
    "epoch_fid": "fid_every fid_images eval_images",
    "samples": "num_samples n_samples num_images n_images submit",
    "pool": "pool_size",
    "temperature": "temp truncation psi truncation_psi",
    "policy": "decode decoding decoder",
    "preprocessing": "preprocess transform transforms normalize",
    "real_limit": "max_real num_real n_real",
    "graphs": "cuda_graphs cudagraphs cuda_graph compile",
    "image_px": "image_size img_size imagesize size resolution side",
    "clusters": "num_clusters classes num_classes kinds",
}
_KEYS = {name: key for key, names in _USUAL.items() for name in names.split()}
_OPTIONS = {
    **dict.fromkeys(("recipe", "model", "arch", "architecture", "algorithm"), "--recipe NAME"),
    **dict.fromkeys(("weights", "weights_file", "weights_path"), "--weights FILE"),
    **dict.fromkeys(("weights_sha256", "inception", "inception_weights"), "--weights FILE"),
    **dict.fromkeys(("format", "kernel_type"), "--format FORM of build"),
    **dict.fromkeys(("input", "input_dir", "data", "data_dir", "dataset"), "--input DIR of run"),
    **dict.fromkeys(("output", "output_dir", "out", "outdir"), "--output DIR of run"),
    **dict.fromkeys(("accelerator", "machine_shape"), "--accelerator SHAPE of push"),
    "debug": "--debug",
}
_REASONS = {
    "image_size img_size imagesize image_px size resolution side": (
        "the competition's images are 32 x 32 px, and so is all that is made; "
        "--competition images makes pictures of other sides"
    ),
    "image_channels num_channels nc in_channels": (
        "grey images are seen as they are decoded, one channel then serves"
    ),
    "workers num_workers n_workers n_jobs threads num_threads cpus": (
        "decoding and training take the cores that there are"
    ),
    "device cuda gpu use_gpu accelerators": "a GPU is taken where there is one, else the CPU",
    "fp16 bf16 amp half mixed_precision precision dtype": (
        "the number format is the fastest that the device computes right"
    ),
    "optimizer optimiser optim weight_decay dropout scheduler lr_scheduler warmup loss": (
        "that is part of a recipe: see --recipe"
    ),
    "augment augmentation flip hflip": "r3gan changes pictures as the data's statistics allow",
    "resume checkpoint": "the same command on the same output goes on where it stopped",
    "patience early_stopping": "nothing stops early: schedules run over the whole time",
    "shuffle log_every log_interval verbose": "nothing like it can be set",
}
_NONE = {name: why for names, why in _REASONS.items() for name in names.split()}


def name_key(word: str) -> str:
    """A key's name, here or in other tools -> the key; "" where it is none."""
    usual = word.strip().lower().replace("-", "_")
    return usual if usual in KEYS else _KEYS.get(usual, "")


def name_cure(word: str, known: Iterable[str], has_options: bool) -> str:
    """(an unknown key, the known ones, whether options can be named) -> the error's cure."""
    known, usual = list(known), word.strip().lower().replace("-", "_")
    if usual in known or _KEYS.get(usual) in known:
        return f"did you mean {usual if usual in known else _KEYS[usual]!r}?"
    if has_options and usual in _OPTIONS:
        return f"that is an option of its own: {_OPTIONS[usual]}"
    if usual in _NONE:
        return f"leave it out, there is no such setting: {_NONE[usual]}"
    if usual in COMPETITION_KEYS:
        return "leave it out: this competition has no such choice, another --competition has"
    return nearest_name(word, known)

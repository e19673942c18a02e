from ..near import NAME as OTHER

NAME = "beta and " + OTHER

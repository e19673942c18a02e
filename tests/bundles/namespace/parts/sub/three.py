from ..two import NAME as BEFORE

NAME = BEFORE + " and three"

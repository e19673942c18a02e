NAME = "used"

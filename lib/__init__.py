"""The bundle's sources: `lib.kernel` ships to Kaggle, `lib.host` stays on the user's machine."""

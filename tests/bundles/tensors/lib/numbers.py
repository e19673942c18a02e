import torch
from torch.utils.data import Dataset, get_worker_info


class Numbers(Dataset):
    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        assert get_worker_info() is not None
        return index * index


def collate(items):
    return torch.tensor(items)

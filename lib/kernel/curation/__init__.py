"""Curation: the submitted pictures are chosen by FID.

A thousand random pictures miss the real mean and covariance by chance; a thousand chosen ones miss
them less. The choice goes by one half of the real pictures and is judged by the other. Look at
`choose_subset`: pairs are exchanged as long as FID falls, and each change is computed exactly.
"""

"""The data: pictures of any kind become squares of one size.

Picture files, arrays, MNIST's idx files and CIFAR's batches are read, also out of zips and tars.
The shorter side of a picture is resized to image_px and its middle is cut out. What cannot be read
is counted with its reason. Look at `read_square` in to_image_px.py, which follows one picture.
"""

"""A photo studio that never was: procedurally modelled cars, rendered with Blender, with exact masks.

``python -m data.studio --help`` says how to run it. Nobody needs it to take the
course: its pictures are in data/sample.

The modules, in the order in which data flows through them:

======== =====================================================================
fleet    which cars: kind, proportions, paint, extras, camera and room of each
large    the large fleet: richer cars, free cameras, streets
fields   arithmetic of distance fields
mesh     boxes, tubes and lathed shapes as plain arrays
body     the car body as a signed distance field, and its surface
decals   windows, seams, lamps and grilles drawn on the body, by projection
dress    two-tone paint, stripes, stickers and dirt
parts    wheels, mirrors, rails, seats: everything that is bolted on
shaders  Blender materials
room     wall, letters, turntable, light and camera
street   streets, yards and plain backdrops
camera   the pinhole projection, for tests and measurements
render   one car: its pictures and masks
files    their names, written whole or not at all
jobs     several cars at a time
dataset  the csv files around them, in Kaggle's layout
compare  the same numbers measured on two data sets, side by side
======== =====================================================================

Lengths are metres; the car's nose points along +x, its left side along +y; the floor is z = 0.
"""

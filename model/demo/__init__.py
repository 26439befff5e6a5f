"""Short clips with sound that come along, to try things on: rendered people, or a photograph under a moving camera.

clips.py gives them in any length; drawing.py made them and makes them anew, for which it needs the extra `synth`.
"""

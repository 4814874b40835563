from .frechet import frechet_distance as frechet_distance

"""Behaviour of networks and of subjects: psychometric curves, choice weights, accuracy, with intervals."""

__all__ = [
    "AbstractMeasure",
    "AbstractPsychometricFunction",
    "Accuracy",
    "ChoiceWeights",
    "CumulativeGaussian",
    "Logistic",
    "MeanBy",
    "Psychometric",
    "Weibull",
    "accuracy",
    "choice_weights",
    "mean_by",
    "plot_choice_weights",
    "plot_psychometric",
    "psychometric",
    "psychometric_by",
    "wilson_interval",
]

from neurornn.analysis.behaviour._choices import wilson_interval as wilson_interval
from neurornn.analysis.behaviour._measure import AbstractMeasure as AbstractMeasure
from neurornn.analysis.behaviour._measure import Accuracy as Accuracy
from neurornn.analysis.behaviour._measure import ChoiceWeights as ChoiceWeights
from neurornn.analysis.behaviour._measure import MeanBy as MeanBy
from neurornn.analysis.behaviour._measure import Psychometric as Psychometric
from neurornn.analysis.behaviour._plots import plot_choice_weights as plot_choice_weights
from neurornn.analysis.behaviour._plots import plot_psychometric as plot_psychometric
from neurornn.analysis.behaviour._psychometric import psychometric as psychometric
from neurornn.analysis.behaviour._psychometric import psychometric_by as psychometric_by
from neurornn.analysis.behaviour._psychometric_functions import (
    AbstractPsychometricFunction as AbstractPsychometricFunction,
)
from neurornn.analysis.behaviour._psychometric_functions import CumulativeGaussian as CumulativeGaussian
from neurornn.analysis.behaviour._psychometric_functions import Logistic as Logistic
from neurornn.analysis.behaviour._psychometric_functions import Weibull as Weibull
from neurornn.analysis.behaviour._summary import mean_by as mean_by
from neurornn.analysis.behaviour._weights import accuracy as accuracy
from neurornn.analysis.behaviour._weights import choice_weights as choice_weights

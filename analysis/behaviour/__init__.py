"""Behaviour of networks and of subjects: psychometric curves, choice weights, accuracy, with intervals."""

__all__ = [
    "AbstractMeasure",
    "AbstractPsychometricFunction",
    "Accuracy",
    "ChoiceWeights",
    "ContractionBias",
    "CumulativeGaussian",
    "Diffusion",
    "DriftField",
    "ErrorHistogram",
    "Logistic",
    "MeanBy",
    "Psychometric",
    "SerialPosition",
    "SignalDetection",
    "SwapErrors",
    "Weibull",
    "accuracy",
    "angular_diffusion",
    "choice_weights",
    "contraction_bias",
    "error_histogram",
    "mean_by",
    "plot_choice_weights",
    "plot_contraction_bias",
    "plot_diffusion",
    "plot_drift_field",
    "plot_error_histogram",
    "plot_psychometric",
    "plot_serial_position",
    "plot_signal_detection",
    "plot_swap_errors",
    "psychometric",
    "psychometric_by",
    "serial_position",
    "signal_detection",
    "swap_errors",
    "wilson_interval",
]

from neurornn.analysis.behaviour._choices import wilson_interval as wilson_interval
from neurornn.analysis.behaviour._contraction import ContractionBias as ContractionBias
from neurornn.analysis.behaviour._contraction import contraction_bias as contraction_bias
from neurornn.analysis.behaviour._contraction import plot_contraction_bias as plot_contraction_bias
from neurornn.analysis.behaviour._detection import SignalDetection as SignalDetection
from neurornn.analysis.behaviour._detection import plot_signal_detection as plot_signal_detection
from neurornn.analysis.behaviour._detection import signal_detection as signal_detection
from neurornn.analysis.behaviour._diffusion import Diffusion as Diffusion
from neurornn.analysis.behaviour._diffusion import DriftField as DriftField
from neurornn.analysis.behaviour._diffusion import angular_diffusion as angular_diffusion
from neurornn.analysis.behaviour._diffusion import plot_diffusion as plot_diffusion
from neurornn.analysis.behaviour._diffusion import plot_drift_field as plot_drift_field
from neurornn.analysis.behaviour._error_histogram import ErrorHistogram as ErrorHistogram
from neurornn.analysis.behaviour._error_histogram import error_histogram as error_histogram
from neurornn.analysis.behaviour._error_histogram import plot_error_histogram as plot_error_histogram
from neurornn.analysis.behaviour._measure import AbstractMeasure as AbstractMeasure
from neurornn.analysis.behaviour._measure import Accuracy as Accuracy
from neurornn.analysis.behaviour._measure import ChoiceWeights as ChoiceWeights
from neurornn.analysis.behaviour._measure import MeanBy as MeanBy
from neurornn.analysis.behaviour._measure import Psychometric as Psychometric
from neurornn.analysis.behaviour._mixture import SwapErrors as SwapErrors
from neurornn.analysis.behaviour._mixture import plot_swap_errors as plot_swap_errors
from neurornn.analysis.behaviour._mixture import swap_errors as swap_errors
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
from neurornn.analysis.behaviour._serial import SerialPosition as SerialPosition
from neurornn.analysis.behaviour._serial import plot_serial_position as plot_serial_position
from neurornn.analysis.behaviour._serial import serial_position as serial_position
from neurornn.analysis.behaviour._summary import mean_by as mean_by
from neurornn.analysis.behaviour._weights import accuracy as accuracy
from neurornn.analysis.behaviour._weights import choice_weights as choice_weights

"""Behaviour of networks and of subjects: psychometric curves, choice weights, accuracy, with intervals."""

__all__ = [
    "AbstractMeasure",
    "AbstractPsychometricFunction",
    "Accuracy",
    "AccuracyByDuration",
    "BayesianTiming",
    "BitAccuracy",
    "ChoiceWeights",
    "Chronometric",
    "ContractionBias",
    "CumulativeGaussian",
    "Diffusion",
    "DriftField",
    "Endpoints",
    "ErrorHistogram",
    "EvidenceWeights",
    "IntegrationError",
    "Logistic",
    "MeanBy",
    "MeanInBins",
    "OptimalCombination",
    "Oscillations",
    "PairAccuracy",
    "ProducedIntervals",
    "Psychometric",
    "PsychophysicalKernel",
    "QuantileProbability",
    "RelativeValue",
    "ReversalCurve",
    "RewardHistory",
    "SerialPosition",
    "ShapeWeights",
    "SignalDetection",
    "Sinusoid",
    "SpeedProfile",
    "StayProbability",
    "SwapErrors",
    "TransitionTimes",
    "Wager",
    "Weibull",
    "WinStayLoseShift",
    "accuracy",
    "accuracy_by_duration",
    "angular_diffusion",
    "bayesian_timing",
    "bit_accuracy",
    "choice_weights",
    "chronometric",
    "contraction_bias",
    "error_histogram",
    "evidence_weights",
    "fit_sinusoid",
    "integration_error",
    "mean_by",
    "mean_in_bins",
    "optimal_combination",
    "pair_accuracy",
    "plot_accuracy_by_duration",
    "plot_bayesian_timing",
    "plot_bit_accuracy",
    "plot_choice_weights",
    "plot_chronometric",
    "plot_combination",
    "plot_contraction_bias",
    "plot_diffusion",
    "plot_drift_field",
    "plot_endpoints",
    "plot_error_histogram",
    "plot_integration_error",
    "plot_kernel",
    "plot_oscillations",
    "plot_pair_accuracy",
    "plot_produced_intervals",
    "plot_psychometric",
    "plot_quantile_probability",
    "plot_relative_value",
    "plot_reversal_curve",
    "plot_reward_history",
    "plot_serial_position",
    "plot_shape_weights",
    "plot_signal_detection",
    "plot_speed_profile",
    "plot_stay_probability",
    "plot_swap_errors",
    "plot_transition_times",
    "plot_wager",
    "plot_win_stay",
    "produced_frequencies",
    "produced_intervals",
    "psychometric",
    "psychometric_by",
    "psychophysical_kernel",
    "reach_kinematics",
    "relative_value",
    "reversal_curve",
    "reward_history",
    "serial_position",
    "shape_weights",
    "signal_detection",
    "speed_profile",
    "stay_probability",
    "swap_errors",
    "transition_times",
    "wager",
    "wilson_interval",
    "win_stay_lose_shift",
]

from neurornn.analysis.behaviour._bayesian import BayesianTiming as BayesianTiming
from neurornn.analysis.behaviour._bayesian import bayesian_timing as bayesian_timing
from neurornn.analysis.behaviour._bayesian import plot_bayesian_timing as plot_bayesian_timing
from neurornn.analysis.behaviour._bits import BitAccuracy as BitAccuracy
from neurornn.analysis.behaviour._bits import TransitionTimes as TransitionTimes
from neurornn.analysis.behaviour._bits import bit_accuracy as bit_accuracy
from neurornn.analysis.behaviour._bits import plot_bit_accuracy as plot_bit_accuracy
from neurornn.analysis.behaviour._bits import plot_transition_times as plot_transition_times
from neurornn.analysis.behaviour._bits import transition_times as transition_times
from neurornn.analysis.behaviour._choices import wilson_interval as wilson_interval
from neurornn.analysis.behaviour._chronometric import Chronometric as Chronometric
from neurornn.analysis.behaviour._chronometric import QuantileProbability as QuantileProbability
from neurornn.analysis.behaviour._chronometric import chronometric as chronometric
from neurornn.analysis.behaviour._chronometric import plot_chronometric as plot_chronometric
from neurornn.analysis.behaviour._chronometric import plot_quantile_probability as plot_quantile_probability
from neurornn.analysis.behaviour._combination import OptimalCombination as OptimalCombination
from neurornn.analysis.behaviour._combination import optimal_combination as optimal_combination
from neurornn.analysis.behaviour._combination import plot_combination as plot_combination
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
from neurornn.analysis.behaviour._duration import AccuracyByDuration as AccuracyByDuration
from neurornn.analysis.behaviour._duration import accuracy_by_duration as accuracy_by_duration
from neurornn.analysis.behaviour._duration import plot_accuracy_by_duration as plot_accuracy_by_duration
from neurornn.analysis.behaviour._error_histogram import ErrorHistogram as ErrorHistogram
from neurornn.analysis.behaviour._error_histogram import error_histogram as error_histogram
from neurornn.analysis.behaviour._error_histogram import plot_error_histogram as plot_error_histogram
from neurornn.analysis.behaviour._evidence_weights import EvidenceWeights as EvidenceWeights
from neurornn.analysis.behaviour._evidence_weights import evidence_weights as evidence_weights
from neurornn.analysis.behaviour._integration import IntegrationError as IntegrationError
from neurornn.analysis.behaviour._integration import integration_error as integration_error
from neurornn.analysis.behaviour._integration import plot_integration_error as plot_integration_error
from neurornn.analysis.behaviour._intervals import ProducedIntervals as ProducedIntervals
from neurornn.analysis.behaviour._intervals import plot_produced_intervals as plot_produced_intervals
from neurornn.analysis.behaviour._intervals import produced_intervals as produced_intervals
from neurornn.analysis.behaviour._kernel import PsychophysicalKernel as PsychophysicalKernel
from neurornn.analysis.behaviour._kernel import plot_kernel as plot_kernel
from neurornn.analysis.behaviour._kernel import psychophysical_kernel as psychophysical_kernel
from neurornn.analysis.behaviour._measure import AbstractMeasure as AbstractMeasure
from neurornn.analysis.behaviour._measure import Accuracy as Accuracy
from neurornn.analysis.behaviour._measure import ChoiceWeights as ChoiceWeights
from neurornn.analysis.behaviour._measure import MeanBy as MeanBy
from neurornn.analysis.behaviour._measure import Psychometric as Psychometric
from neurornn.analysis.behaviour._mixture import SwapErrors as SwapErrors
from neurornn.analysis.behaviour._mixture import plot_swap_errors as plot_swap_errors
from neurornn.analysis.behaviour._mixture import swap_errors as swap_errors
from neurornn.analysis.behaviour._oscillation import Oscillations as Oscillations
from neurornn.analysis.behaviour._oscillation import Sinusoid as Sinusoid
from neurornn.analysis.behaviour._oscillation import fit_sinusoid as fit_sinusoid
from neurornn.analysis.behaviour._oscillation import plot_oscillations as plot_oscillations
from neurornn.analysis.behaviour._oscillation import produced_frequencies as produced_frequencies
from neurornn.analysis.behaviour._pairs import PairAccuracy as PairAccuracy
from neurornn.analysis.behaviour._pairs import pair_accuracy as pair_accuracy
from neurornn.analysis.behaviour._pairs import plot_pair_accuracy as plot_pair_accuracy
from neurornn.analysis.behaviour._plots import plot_choice_weights as plot_choice_weights
from neurornn.analysis.behaviour._plots import plot_psychometric as plot_psychometric
from neurornn.analysis.behaviour._profiles import MeanInBins as MeanInBins
from neurornn.analysis.behaviour._profiles import mean_in_bins as mean_in_bins
from neurornn.analysis.behaviour._psychometric import psychometric as psychometric
from neurornn.analysis.behaviour._psychometric import psychometric_by as psychometric_by
from neurornn.analysis.behaviour._psychometric_functions import (
    AbstractPsychometricFunction as AbstractPsychometricFunction,
)
from neurornn.analysis.behaviour._psychometric_functions import CumulativeGaussian as CumulativeGaussian
from neurornn.analysis.behaviour._psychometric_functions import Logistic as Logistic
from neurornn.analysis.behaviour._psychometric_functions import Weibull as Weibull
from neurornn.analysis.behaviour._reaches import Endpoints as Endpoints
from neurornn.analysis.behaviour._reaches import SpeedProfile as SpeedProfile
from neurornn.analysis.behaviour._reaches import plot_endpoints as plot_endpoints
from neurornn.analysis.behaviour._reaches import plot_speed_profile as plot_speed_profile
from neurornn.analysis.behaviour._reaches import reach_kinematics as reach_kinematics
from neurornn.analysis.behaviour._reaches import speed_profile as speed_profile
from neurornn.analysis.behaviour._relative_value import RelativeValue as RelativeValue
from neurornn.analysis.behaviour._relative_value import plot_relative_value as plot_relative_value
from neurornn.analysis.behaviour._relative_value import relative_value as relative_value
from neurornn.analysis.behaviour._reversals import ReversalCurve as ReversalCurve
from neurornn.analysis.behaviour._reversals import plot_reversal_curve as plot_reversal_curve
from neurornn.analysis.behaviour._reversals import reversal_curve as reversal_curve
from neurornn.analysis.behaviour._reward_history import RewardHistory as RewardHistory
from neurornn.analysis.behaviour._reward_history import plot_reward_history as plot_reward_history
from neurornn.analysis.behaviour._reward_history import reward_history as reward_history
from neurornn.analysis.behaviour._serial import SerialPosition as SerialPosition
from neurornn.analysis.behaviour._serial import plot_serial_position as plot_serial_position
from neurornn.analysis.behaviour._serial import serial_position as serial_position
from neurornn.analysis.behaviour._shape_weights import ShapeWeights as ShapeWeights
from neurornn.analysis.behaviour._shape_weights import plot_shape_weights as plot_shape_weights
from neurornn.analysis.behaviour._shape_weights import shape_weights as shape_weights
from neurornn.analysis.behaviour._stay import StayProbability as StayProbability
from neurornn.analysis.behaviour._stay import WinStayLoseShift as WinStayLoseShift
from neurornn.analysis.behaviour._stay import plot_stay_probability as plot_stay_probability
from neurornn.analysis.behaviour._stay import plot_win_stay as plot_win_stay
from neurornn.analysis.behaviour._stay import stay_probability as stay_probability
from neurornn.analysis.behaviour._stay import win_stay_lose_shift as win_stay_lose_shift
from neurornn.analysis.behaviour._summary import mean_by as mean_by
from neurornn.analysis.behaviour._wager import Wager as Wager
from neurornn.analysis.behaviour._wager import plot_wager as plot_wager
from neurornn.analysis.behaviour._wager import wager as wager
from neurornn.analysis.behaviour._weights import accuracy as accuracy
from neurornn.analysis.behaviour._weights import choice_weights as choice_weights

"""Runs the services of one machine as child processes: start, readiness, restart with back-off, clean stop."""

from csiflow.supervisor.process import ServiceProcess, ServiceSpec
from csiflow.supervisor.supervisor import ServiceFailedError, Supervisor

__all__ = ["ServiceFailedError", "ServiceProcess", "ServiceSpec", "Supervisor"]

#include "alerting/incident.h"

#include "alerting/alert.h"

namespace keng::alerting {

std::string_view IncidentStateName(IncidentState state) {
  switch (state) {
    case IncidentState::kGathering:
      return "gathering";
    case IncidentState::kOpen:
      return "open";
    case IncidentState::kReceived:
      return "received";
    case IncidentState::kResolved:
      return "resolved";
    case IncidentState::kNoise:
      return "noise";
    case IncidentState::kRetracted:
      return "retracted";
    case IncidentState::kExpired:
      return "expired";
  }
  return "expired";
}

std::string_view AlertReasonName(AlertReason reason) {
  switch (reason) {
    case AlertReason::kOpened:
      return "opened";
    case AlertReason::kGrew:
      return "grew";
    case AlertReason::kSeverityRose:
      return "severity_rose";
    case AlertReason::kRetracted:
      return "retracted";
    case AlertReason::kResolved:
      return "resolved";
    case AlertReason::kReopened:
      return "reopened";
    case AlertReason::kStorm:
      return "storm";
    case AlertReason::kReassigned:
      return "reassigned";
  }
  return "opened";
}

}  // namespace keng::alerting

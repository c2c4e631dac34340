package flowcontrol

import (
	"fmt"
	"math"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/check"
)

const (
	maxQueues = 10_000_000
	// A hand is dealt with the bits of one hash; more than these are not in it.
	maxEntropyBits = 60
	hundred        = 100
)

// levelText is how a specification is printed.
type levelText struct {
	Type    flowcontrolv1.PriorityLevelEnablement
	Limited *limitedText
	Exempt  *exemptText
}

type limitedText struct {
	NominalConcurrencyShares int32
	LimitResponse            responseText
	LendablePercent          *int32
	BorrowingLimitPercent    *int32
}

type responseText struct {
	Type    flowcontrolv1.LimitResponseType
	Queuing *queuingText
}

type (
	queuingText struct{ Queues, HandSize, QueueLengthLimit int32 }
	exemptText  struct{ NominalConcurrencyShares, LendablePercent *int32 }
)

func validatePriorityLevelConfiguration(p *flowcontrolv1.PriorityLevelConfiguration) field.ErrorList {
	spec, path := &p.Spec, field.NewPath("spec")
	errs := validateLevel(spec, p.Name, path)
	switch p.Name {
	case exempt:
		if spec.Type != flowcontrolv1.PriorityLevelEnablementExempt || spec.Limited != nil {
			errs = append(errs, field.Invalid(path, textOfLevel(spec), "spec of 'exempt' except the 'spec.exempt' field must equal the fixed value"))
		}
	case catchAll:
		if !equality.Semantic.DeepEqual(*spec, catchAllLevel()) {
			errs = append(errs, field.Invalid(path, textOfLevel(spec), "spec of 'catch-all' must equal the fixed value"))
		}
	}
	return append(errs, validateLevelStatus(p)...)
}

func validatePriorityLevelConfigurationUpdate(p, _ *flowcontrolv1.PriorityLevelConfiguration) field.ErrorList {
	return validatePriorityLevelConfiguration(p)
}

func validatePriorityLevelConfigurationStatus(p, _ *flowcontrolv1.PriorityLevelConfiguration) field.ErrorList {
	return validateLevelStatus(p)
}

func validateLevelStatus(p *flowcontrolv1.PriorityLevelConfiguration) field.ErrorList {
	var types []string
	for _, condition := range p.Status.Conditions {
		types = append(types, string(condition.Type))
	}
	return check.ConditionTypes(field.NewPath("status", "conditions"), types)
}

func validateLevel(spec *flowcontrolv1.PriorityLevelConfigurationSpec, name string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if (name == exempt) != (spec.Type == flowcontrolv1.PriorityLevelEnablementExempt) && known(spec.Type) {
		errs = append(errs, field.Invalid(path.Child("type"), spec.Type, "must be 'Exempt' if and only if `name` is 'exempt'"))
	}
	switch spec.Type {
	case flowcontrolv1.PriorityLevelEnablementExempt:
		if spec.Limited != nil {
			errs = append(errs, field.Forbidden(path.Child("limited"), "must be nil if the type is not Limited"))
		}
		if spec.Exempt != nil {
			errs = append(errs, validateShares(spec.Exempt.NominalConcurrencyShares, path.Child("exempt"))...)
			errs = append(errs, validateLendable(spec.Exempt.LendablePercent, path.Child("exempt"))...)
		}
	case flowcontrolv1.PriorityLevelEnablementLimited:
		if spec.Exempt != nil {
			errs = append(errs, field.Forbidden(path.Child("exempt"), "must be nil if the type is Limited"))
		}
		if spec.Limited == nil {
			return append(errs, field.Required(path.Child("limited"), "must not be empty when type is Limited"))
		}
		errs = append(errs, validateLimited(spec.Limited, path.Child("limited"))...)
	default:
		errs = append(errs, check.RequiredOneOf(path.Child("type"), spec.Type, flowcontrolv1.PriorityLevelEnablementExempt, flowcontrolv1.PriorityLevelEnablementLimited)...)
	}
	return errs
}

func known(kind flowcontrolv1.PriorityLevelEnablement) bool {
	return kind == flowcontrolv1.PriorityLevelEnablementExempt || kind == flowcontrolv1.PriorityLevelEnablementLimited
}

func validateShares(shares *int32, path *field.Path) field.ErrorList {
	if shares != nil && *shares < 0 {
		return field.ErrorList{field.Invalid(path.Child("nominalConcurrencyShares"), *shares, "must be a non-negative integer")}
	}
	return nil
}

func validateLendable(lendable *int32, path *field.Path) field.ErrorList {
	if lendable != nil && (*lendable < 0 || *lendable > hundred) {
		return field.ErrorList{field.Invalid(path.Child("lendablePercent"), *lendable, "must be between 0 and 100, inclusive")}
	}
	return nil
}

func validateLimited(l *flowcontrolv1.LimitedPriorityLevelConfiguration, path *field.Path) field.ErrorList {
	errs := validateShares(l.NominalConcurrencyShares, path)
	errs = append(errs, validateResponse(&l.LimitResponse, path.Child("limitResponse"))...)
	errs = append(errs, validateLendable(l.LendablePercent, path)...)
	if borrowing := l.BorrowingLimitPercent; borrowing != nil && *borrowing < 0 {
		errs = append(errs, field.Invalid(path.Child("borrowingLimitPercent"), *borrowing, "if specified, must be a non-negative integer"))
	}
	return errs
}

func validateResponse(response *flowcontrolv1.LimitResponse, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch response.Type {
	case flowcontrolv1.LimitResponseTypeReject:
		if response.Queuing != nil {
			errs = append(errs, field.Forbidden(at.Child("queuing"), "must be nil if limited.limitResponse.type is not Limited"))
		}
	case flowcontrolv1.LimitResponseTypeQueue:
		if response.Queuing == nil {
			return append(errs, field.Required(at.Child("queuing"), "must not be empty if limited.limitResponse.type is Limited"))
		}
		errs = append(errs, validateQueuing(response.Queuing, at.Child("queuing"))...)
	default:
		errs = append(errs, check.RequiredOneOf(at.Child("type"), response.Type, flowcontrolv1.LimitResponseTypeQueue, flowcontrolv1.LimitResponseTypeReject)...)
	}
	return errs
}

func validateQueuing(q *flowcontrolv1.QueuingConfiguration, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if q.QueueLengthLimit <= 0 {
		errs = append(errs, field.Invalid(path.Child("queueLengthLimit"), q.QueueLengthLimit, "must be positive"))
	}
	switch {
	case q.Queues <= 0:
		errs = append(errs, field.Invalid(path.Child("queues"), q.Queues, "must be positive"))
	case q.Queues > maxQueues:
		errs = append(errs, field.Invalid(path.Child("queues"), q.Queues, fmt.Sprintf("must not be greater than %d", maxQueues)))
	}
	at := path.Child("handSize")
	switch {
	case q.HandSize <= 0:
		errs = append(errs, field.Invalid(at, q.HandSize, "must be positive"))
	case q.HandSize > q.Queues:
		errs = append(errs, field.Invalid(at, q.HandSize, fmt.Sprintf("should not be greater than queues (%d)", q.Queues)))
	case entropyBits(q.Queues, q.HandSize) > maxEntropyBits:
		errs = append(errs, field.Invalid(at, q.HandSize,
			fmt.Sprintf("required entropy bits of deckSize %d and handSize %d should not be greater than %d", q.Queues, q.HandSize, maxEntropyBits)))
	}
	return errs
}

// entropyBits is how many bits it takes to deal a hand from so many queues.
func entropyBits(queues, hand int32) float64 {
	return math.Ceil(math.Log2(float64(queues)) * float64(hand))
}

func textOfLevel(spec *flowcontrolv1.PriorityLevelConfigurationSpec) levelText {
	text := levelText{Type: spec.Type}
	if e := spec.Exempt; e != nil {
		text.Exempt = &exemptText{NominalConcurrencyShares: e.NominalConcurrencyShares, LendablePercent: e.LendablePercent}
	}
	if l := spec.Limited; l != nil {
		text.Limited = &limitedText{LimitResponse: responseText{Type: l.LimitResponse.Type}, LendablePercent: l.LendablePercent, BorrowingLimitPercent: l.BorrowingLimitPercent}
		if l.NominalConcurrencyShares != nil {
			text.Limited.NominalConcurrencyShares = *l.NominalConcurrencyShares
		}
		if q := l.LimitResponse.Queuing; q != nil {
			text.Limited.LimitResponse.Queuing = &queuingText{Queues: q.Queues, HandSize: q.HandSize, QueueLengthLimit: q.QueueLengthLimit}
		}
	}
	return text
}

package main

import (
	"context"

	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// As in spec.healthCheckExprs of a Kustomization.
type expressions struct {
	Current    string `json:"current"`
	InProgress string `json:"inProgress"`
	Failed     string `json:"failed"`
}

var evaluators = map[expressions]*cel.StatusEvaluator{}

func flux(object *unstructured.Unstructured, asked expressions) (verdict, error) {
	evaluator, known := evaluators[asked]
	if !known {
		made, err := cel.NewStatusEvaluator(&kustomize.HealthCheckExpressions{
			Current: asked.Current, InProgress: asked.InProgress, Failed: asked.Failed,
		})
		if err != nil {
			return verdict{}, err
		}
		evaluator, evaluators[asked] = made, made
	}
	result, err := evaluator.Evaluate(context.Background(), object)
	if err != nil {
		return verdict{}, err
	}
	return verdict{Status: string(result.Status), Message: result.Message}, nil
}

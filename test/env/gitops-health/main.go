// Says what three tools make of an object: kstatus (sigs.k8s.io/cli-utils, as kpt and kubectl plugins use it), Flux (its own evaluator of
// health check expressions) and Argo CD (the Lua interpreter it uses, opened as it opens it). Reads one question a line from standard input
// and answers each with one line:
//
//	{"object": {…}, "lua": "…", "expressions": {"current": "…", "inProgress": "…", "failed": "…"}}
//	{"kstatus": {"status": "…", "message": "…"}, "argocd": {…}, "flux": {…}}
//
// What cannot be told has "error" in place of "status".
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

type question struct {
	Object      json.RawMessage `json:"object"`
	Lua         string          `json:"lua"`
	Expressions *expressions    `json:"expressions"`
}

type verdict struct {
	Status  string `json:"status,omitempty"`
	Message string `json:"message,omitempty"`
	Error   string `json:"error,omitempty"`
}

type answer struct {
	Kstatus verdict  `json:"kstatus"`
	ArgoCD  *verdict `json:"argocd,omitempty"`
	Flux    *verdict `json:"flux,omitempty"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		var asked question
		if err := json.Unmarshal(in.Bytes(), &asked); err != nil {
			return fmt.Errorf("a question that is no JSON: %w", err)
		}
		// As the clients of Kubernetes read it: whole numbers are integers, which kstatus insists on.
		var object unstructured.Unstructured
		if err := object.UnmarshalJSON(asked.Object); err != nil {
			return fmt.Errorf("a question without an object: %w", err)
		}
		if err := out.Encode(answerTo(&object, asked)); err != nil {
			return err
		}
	}
	return in.Err()
}

func answerTo(object *unstructured.Unstructured, asked question) answer {
	given := answer{Kstatus: told(kstatus(object))}
	if asked.Lua != "" {
		seen := told(argocd(object, asked.Lua))
		given.ArgoCD = &seen
	}
	if asked.Expressions != nil {
		seen := told(flux(object, *asked.Expressions))
		given.Flux = &seen
	}
	return given
}

func told(seen verdict, err error) verdict {
	if err != nil {
		return verdict{Error: err.Error()}
	}
	return seen
}

func kstatus(object *unstructured.Unstructured) (verdict, error) {
	result, err := status.Compute(object)
	if err != nil {
		return verdict{}, err
	}
	return verdict{Status: string(result.Status), Message: result.Message}, nil
}

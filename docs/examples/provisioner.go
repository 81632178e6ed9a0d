// A caller of molbuild: makes sure that the images of some runtimes exist, and reports the outcome of each.
//
//	go run provisioner.go [-molbuild PROGRAM] [-policy ensure.lua] [-deadline 15m] [-attempts 3] RUNTIME...
//
// It shows everything that a service needs: the arguments, one JSON object per event on stderr and per result on stdout, the
// sign of life, cancelling, and retries of failures that may succeed later. It prints one line per runtime: its name, its
// outcome, and the image or the reason. Standard library only; Go 1.19 or newer.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// Event is a line of stderr: docs/events.md. Fields that are not needed here are left out, and unknown ones ignored.
type Event struct {
	Event   string  `json:"event"`
	Runtime string  `json:"runtime"`
	Step    string  `json:"step"`
	Level   string  `json:"level"`
	Message string  `json:"message"`
	Done    int     `json:"done"`
	Total   int     `json:"total"`
	Text    string  `json:"text"`
	Seconds float64 `json:"seconds"`
	Silent  float64 `json:"silent"`
	Log     string  `json:"log"`
}

// Result is a line of stdout: docs/results.schema.json.
type Result struct {
	Runtime string  `json:"runtime"`
	Image   string  `json:"image"`
	Sha     string  `json:"sha"`
	ImageID string  `json:"image_id"`
	Outcome string  `json:"outcome"`
	Seconds float64 `json:"seconds"`
	Error   *struct {
		Kind    string `json:"kind"`
		Exit    int    `json:"exit"`
		Message string `json:"message"`
		Hint    string `json:"hint"`
		Retry   bool   `json:"retry"`
	} `json:"error"`
}

// Provisioner calls one program with one policy.
type Provisioner struct {
	Program string
	Policy  string
	Events  func(Event)
	// Quiet is the longest time without an event: there is one every 10 s while a step runs.
	Quiet time.Duration
	// Grace is the time for a cancelled run to stop its builds and to report.
	Grace time.Duration
}

// readLines calls take with each line, without a limit on its length.
func readLines(from io.Reader, take func([]byte) error) error {
	reader := bufio.NewReader(from)
	for {
		line, err := reader.ReadBytes('\n')
		if len(line) > 0 {
			if failure := take(line); failure != nil {
				return failure
			}
		}
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// watchdog calls stop when feed was not called for so long.
func watchdog(limit time.Duration, stop func()) (feed func(), end func()) {
	timer := time.AfterFunc(limit, stop)
	return func() { timer.Reset(limit) }, func() { timer.Stop() }
}

// command is the command to run. molbuild's options precede the policy. It runs in its own process group, so that the terminal's
// Ctrl-C does not reach it a second time.
func (p *Provisioner) command(deadline time.Duration, runtimes []string) *exec.Cmd {
	arguments := []string{"run", "--progress=json", "--output=json"}
	if deadline > 0 {
		arguments = append(arguments, fmt.Sprintf("--timeout=%.3f", deadline.Seconds()))
	}
	command := exec.Command(p.Program, append(append(arguments, p.Policy), runtimes...)...)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return command
}

// Ensure runs molbuild once. It returns a result for each requested runtime, whatever the exit status. An error means that
// molbuild itself could not be run, or printed no results. When ctx ends, the run is cancelled and cleans up.
func (p *Provisioner) Ensure(ctx context.Context, deadline time.Duration, runtimes []string) ([]Result, error) {
	command := p.command(deadline, runtimes)
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	stderr, err := command.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}

	// TERM cancels: builds are stopped in the engine too, locks released, results printed. KILL ends processes that ignore TERM.
	over := make(chan struct{})
	cancel := make(chan struct{}, 1)
	go func() {
		select {
		case <-ctx.Done():
		case <-cancel:
		case <-over:
			return
		}
		command.Process.Signal(syscall.SIGTERM)
		select {
		case <-time.After(p.Grace):
			command.Process.Kill()
		case <-over:
		}
	}()
	feed, end := watchdog(p.Quiet, func() {
		select {
		case cancel <- struct{}{}:
		default:
		}
	})

	// Both pipes are read to their end before Wait closes them, so that molbuild never waits for its reader.
	events := make(chan error, 1)
	go func() {
		events <- readLines(stderr, func(line []byte) error {
			feed()
			var event Event
			if json.Unmarshal(line, &event) == nil && p.Events != nil {
				p.Events(event)
			}
			return nil
		})
	}()
	var results []Result
	err = readLines(stdout, func(line []byte) error {
		var result Result
		if err := json.Unmarshal(line, &result); err != nil {
			return err
		}
		results = append(results, result)
		return nil
	})
	if err != nil {
		io.Copy(io.Discard, stdout)
	}
	<-events
	status := command.Wait()
	end()
	close(over)
	var exit *exec.ExitError
	if err == nil && status != nil && (!errors.As(status, &exit) || len(results) == 0) {
		err = status
	}
	return results, err
}

// EnsureAll retries failures that may succeed later, with a growing pause, and no others.
func (p *Provisioner) EnsureAll(ctx context.Context, deadline time.Duration, attempts int, runtimes []string) ([]Result, error) {
	final := map[string]Result{}
	left := runtimes
	for attempt := 1; ; attempt++ {
		results, err := p.Ensure(ctx, deadline, left)
		if err != nil {
			return nil, err
		}
		left = nil
		for _, result := range results {
			if result.Runtime == "" { // the run itself failed, before it knew any runtime
				return nil, fmt.Errorf("molbuild: %s (exit %d)", result.Error.Message, result.Error.Exit)
			}
			final[result.Runtime] = result
			if result.Outcome == "failed" && result.Error.Retry {
				left = append(left, result.Runtime)
			}
		}
		if len(left) == 0 || attempt >= attempts || ctx.Err() != nil {
			break
		}
		select {
		case <-time.After(time.Duration(attempt) * 2 * time.Second):
		case <-ctx.Done():
		}
	}
	ordered := make([]Result, 0, len(runtimes))
	for _, runtime := range runtimes {
		ordered = append(ordered, final[runtime])
	}
	return ordered, nil
}

// logEvent shows what a service might write to its log.
func logEvent(event Event) {
	switch event.Event {
	case "step_started":
		fmt.Fprintf(os.Stderr, "%s: %s\n", event.Runtime, event.Step)
	case "progress":
		fmt.Fprintf(os.Stderr, "%s: %s %d/%d %s\n", event.Runtime, event.Step, event.Done, event.Total, event.Text)
	case "alive":
		fmt.Fprintf(os.Stderr, "%s: %s for %.0f s, silent for %.0f s\n", event.Runtime, event.Step, event.Seconds, event.Silent)
	case "log":
		fmt.Fprintf(os.Stderr, "%s: %s\n", event.Level, event.Message)
	case "failed":
		fmt.Fprintf(os.Stderr, "%s: failed: %s (log: %s)\n", event.Runtime, event.Message, event.Log)
	}
}

func main() {
	program := flag.String("molbuild", "molbuild", "the program")
	policy := flag.String("policy", "ensure.lua", "the policy")
	deadline := flag.Duration("deadline", 15*time.Minute, "the longest time of one run; 0: none")
	attempts := flag.Int("attempts", 3, "how often to try what may succeed later")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	provisioner := &Provisioner{
		Program: *program, Policy: *policy, Events: logEvent, Quiet: time.Minute, Grace: 30 * time.Second,
	}
	results, err := provisioner.EnsureAll(ctx, *deadline, *attempts, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := 0
	for _, result := range results {
		if result.Outcome == "failed" {
			fmt.Printf("%s failed %s retry=%t: %s\n", result.Runtime, result.Error.Kind, result.Error.Retry, result.Error.Message)
			status = 1
		} else {
			fmt.Printf("%s %s %s\n", result.Runtime, result.Outcome, result.Image)
		}
	}
	os.Exit(status)
}

// Command mutants breaks the code on purpose, one promise at a time, and checks that a test
// fails. The files of the folder list say what it breaks; see [parse] for their form.
//
// It applies each mutant in a copy of the repository. There it runs the tests of the package,
// again with the race detector, then those of the packages that import it, and then all of the
// module, until one fails, and fails again alone. It prints for each mutant who found it, and
// fails if
//
//   - a mutant survives, and the list has no reason for that,
//   - a mutant is found, and the list has a reason why it survives,
//   - a mutant does not compile, which proves nothing,
//   - a test fails in unchanged code. Mutants are tried without it, and the run fails at the
//     end.
//
// A mutant that hangs is found by the time-out of its tests. Those are counted apart, because a
// machine that is too slow ends tests too.
//
// Run it with:
//
//	cd .ci/mutants && go run . [-run regexp] [-own]
//
// With -run only mutants whose file or promise matches run, and with -own only the tests of
// their own packages. A whole run takes hours on two cores.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"sync"
	"time"
)

const root = "../.."

// parallel is how many mutants are tried at once. Some tests of the packages measure time.
const parallel = 2

func main() {
	only := flag.String("run", "", "only mutants whose file or promise matches this `regexp`")
	own := flag.Bool("own", false, "only the tests of the mutant's own package, which takes a tenth of the time")
	flag.Parse()
	if *own {
		stages = stages[:1]
	}
	if err := run(*only); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(only string) error {
	match, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	mutants, err := load("list")
	if err != nil {
		return err
	}
	mutants = slices.DeleteFunc(mutants, func(m mutant) bool { return !match.MatchString(m.String()) })
	if len(mutants) == 0 {
		return fmt.Errorf("-run %q matches no mutant", only)
	}
	start := time.Now()
	todo := make(chan mutant)
	found := make(chan outcome)
	var workers sync.WaitGroup
	g := &genuine{root: root, tests: map[trial]bool{}}
	for range parallel {
		c, err := newCopy(root, g, stages)
		if err != nil {
			return err
		}
		defer c.remove()
		workers.Go(func() {
			for m := range todo {
				found <- c.try(m)
			}
		})
	}
	go func() {
		for _, m := range mutants {
			todo <- m
		}
		close(todo)
		workers.Wait()
		close(found)
	}()

	count := map[string]int{}
	total, defects := 0, 0
	for o := range found {
		total++
		count[o.by]++
		fmt.Println(o)
		if o.defect() {
			defects++
		}
	}
	fmt.Printf("\n%d mutants in %v:", total, time.Since(start).Round(time.Second))
	for _, by := range slices.Concat(stages, []string{byTimeout, survived, broken}) {
		fmt.Printf(" %d %s,", count[by], by)
	}
	fmt.Println()
	if failing := g.failing(); len(failing) > 0 {
		fmt.Printf("DEFECT these tests fail in unchanged code: %v\n", failing)
		defects++
	}
	if defects > 0 {
		return fmt.Errorf("%d defects", defects)
	}
	return nil
}

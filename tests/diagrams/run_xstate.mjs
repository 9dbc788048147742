// Runs paths through machines with XState itself: {machines: {name: config}, paths: [{machine, start, steps: [{type, answers}]}]}
// on stdin; for each step of each path {value, actions} on stdout. Guards answer what the event says.
import { readFileSync } from 'node:fs'
import { createMachine, enqueueActions, initialTransition, transition } from 'xstate'

const { machines, paths } = JSON.parse(readFileSync(0, 'utf8'))

function guardsOf(config, found = new Set()) {
  for (const state of Object.values(config.states ?? {})) {
    for (const list of Object.values(state.on ?? {})) for (const one of list) if (one.guard) found.add(one.guard)
    guardsOf(state, found)
  }
  return found
}

function built(config, start) {
  const guards = Object.fromEntries(
    [...guardsOf(config)].map((name) => [
      name,
      ({ event }) => {
        if (!(name in event.answers)) throw new Error(`nothing is said of ${name}`)
        return event.answers[name]
      },
    ]),
  )
  // In the machine of all machines a raised signal is heard by those that a coupling names.
  const hear = enqueueActions(({ event, enqueue }, { signal, to }) => {
    for (const region of to) enqueue.raise({ ...event, type: `${region}.${signal}` })
  })
  const actions = config.type === 'parallel' ? { raise: hear } : {}
  return createMachine({ ...config, ...(start ? { initial: start } : {}) }).provide({ guards, actions })
}

const cache = new Map()
function machine(name, start) {
  const key = `${name} ${start}`
  if (!cache.has(key)) cache.set(key, built(machines[name], start))
  return cache.get(key)
}

const results = paths.map(({ machine: name, start, steps }) => {
  const logic = machine(name, start)
  let [snapshot] = initialTransition(logic)
  return steps.map((event) => {
    const [next, actions] = transition(logic, snapshot, event)
    snapshot = next
    return { value: snapshot.value, actions: actions.map(({ type, params }) => ({ type, params })) }
  })
})
process.stdout.write(JSON.stringify(results))

'use strict'
// The story page: shows data that stands in it, or a trace that is dropped on it. Every text is set as text, never as HTML.
{
  const $ = (id) => document.getElementById(id)
  const HEIGHT = 46 // of a row, as the style sheet has it
  const LANES = { customer: 0, engine: 1, server: 2, agents: 3 }
  const SHOWN = 150 // bubbles on either side of the step

  function make(tag, kind = '', ...inside) {
    const made = document.createElement(tag)
    if (kind) made.className = kind
    made.append(...inside)
    return made
  }

  // --- time: local, with its offset -----------------------------------------------------------------------------

  const two = (n) => String(n).padStart(2, '0')

  function offset(date) {
    const minutes = -date.getTimezoneOffset()
    const size = Math.abs(minutes)
    return `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`
  }

  function moment(at) {
    const date = new Date(at)
    if (at === null || Number.isNaN(date.getTime())) return ''
    return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())} ${offset(date)}`
  }

  function wait(milliseconds) {
    return milliseconds < 10000 ? `${(milliseconds / 1000).toFixed(1)} s` : `${Math.round(milliseconds / 1000)} s`
  }

  // --- one story ------------------------------------------------------------------------------------------------

  function tell(story) {
    const { rows, said, states, moves, lifecycle } = story
    const kinds = new Map(lifecycle.boxes.flatMap((box) => box.states.map((state) => [state, box.kind])))
    const kindOf = (phase) => kinds.get(phase) ?? (phase === 'warned' ? 'talking' : 'waiting')
    const chips = new Map()
    let now = 0

    function begin() {
      $('title').textContent = story.title + (story.chat ? ` · chat ${story.chat}` : '')
      document.title = story.title
      $('sentences').replaceChildren(...story.sentences.map((one) => make('li', '', one)))
      const first = rows.find((row) => row.at)
      const day = first ? new Date(first.at) : null
      $('zone').textContent = day ? `${day.toLocaleDateString(undefined, { dateStyle: 'full' })}, local time (UTC${offset(day)})` : ''
      $('drop').hidden = true
      $('view').hidden = false
      $('slider').max = Math.max(rows.length - 1, 0)
      $('all').style.height = `${rows.length * HEIGHT}px`
      draw()
      $('slider').oninput = () => requestAnimationFrame(() => go(Number($('slider').value)))
      $('back').onclick = () => go(now - 1)
      $('on').onclick = () => go(now + 1)
      $('odd').onclick = anomaly
      $('odd').hidden = !rows.some((row) => row.notes.length)
      $('rows').onscroll = () => requestAnimationFrame(list)
      onresize = list
      onkeydown = keys
      go(0)
    }

    function keys(event) {
      if (event.target.tagName === 'INPUT') return
      const by = { ArrowDown: 1, ArrowRight: 1, j: 1, ArrowUp: -1, ArrowLeft: -1, k: -1, PageDown: 20, PageUp: -20 }[event.key]
      const to = { Home: 0, End: rows.length - 1 }[event.key] ?? (by === undefined ? undefined : now + by)
      if (to === undefined) return
      event.preventDefault()
      go(to)
    }

    function anomaly() {
      const after = rows.findIndex((row, index) => index > now && row.notes.length)
      go(after < 0 ? rows.findIndex((row) => row.notes.length) : after)
    }

    function go(to) {
      now = Math.min(Math.max(to, 0), Math.max(rows.length - 1, 0))
      $('slider').value = now
      $('where').textContent = rows.length ? `step ${now + 1} of ${rows.length}` : 'nothing happened'
      const top = now * HEIGHT
      const { scrollTop, clientHeight } = $('rows')
      if (top < scrollTop || top + HEIGHT > scrollTop + clientHeight) $('rows').scrollTop = top - clientHeight / 2
      list()
      light()
      step()
      talk()
    }

    // The lifecycle: where it is, where it has been.
    function draw() {
      $('picture').replaceChildren(
        ...lifecycle.boxes.map((box) => {
          const made = make('div', `box ${box.kind}`, make('h2', '', box.title))
          const way = new Set(box.arcs.map(([from]) => from))
          for (const state of box.states) {
            const chip = make('span', 'chip', state)
            chips.set(state, chip)
            made.append(chip)
            if (way.has(state)) made.append(make('span', 'arrow', '→'))
          }
          return made
        }),
      )
    }

    function light() {
      const times = new Map()
      let last = null
      for (let index = 0; index <= now && index < rows.length; index++) {
        const state = stageOf(rows[index])
        if (state !== last) times.set(state, (times.get(state) ?? 0) + 1)
        last = state
      }
      for (const [state, chip] of chips) {
        chip.classList.toggle('been', times.has(state))
        chip.classList.toggle('now', state === last)
        chip.dataset.times = times.get(state) > 1 ? `×${times.get(state)}` : ''
        if (state === last) for (const box of $('picture').children) box.classList.toggle('on', box.contains(chip))
      }
    }

    // A batch is one step: between its entries only the phase is known.
    const stageOf = (row) => (row.phase === 'warned' && row.state !== undefined ? states[row.state].lifecycle : row.phase)

    // The timeline is the sequence diagram: only the rows in sight are in the page.
    function list() {
      const from = Math.max(0, Math.floor($('rows').scrollTop / HEIGHT) - 5)
      const to = Math.min(rows.length, from + Math.ceil($('rows').clientHeight / HEIGHT) + 12)
      const made = []
      for (let index = from; index < to; index++) made.push(rowOf(rows[index], index))
      $('all').replaceChildren(...made)
    }

    function rowOf(row, index) {
      const kind = `row${index === now ? ' now' : ''}${row.notes.length ? ' odd' : ''}${row.quiet ? ' quiet' : ''}`
      const made = make('div', kind, make('time', '', moment(row.at)))
      made.style.top = `${index * HEIGHT}px`
      const said = row.from === 'agents' ? [row.who, row.what] : [row.what]
      const lanes = make('div', 'lanes', arrow(row.from, 'engine', said, row.does ? 'upper' : ''))
      if (row.does) lanes.append(arrow('engine', 'server', [row.does], 'does'))
      made.append(lanes)
      const phase = make('span', `phase p-${kindOf(row.phase)}`, row.phase)
      made.append(phase)
      made.onclick = () => go(index)
      return made
    }

    // Each text in an element of its own, so that no direction of writing reaches over its end.
    function arrow(from, to, texts, kind) {
      const [source, target] = [LANES[from], LANES[to]]
      const way = source < target ? 'right' : source > target ? 'left' : 'self'
      const label = make('div', '', ...texts.flatMap((text, index) => [...(index ? [': '] : []), make('bdi', '', text)]))
      const made = make('span', `arrow-line ${way} ${kind}`, label)
      const left = 25 * Math.min(source, target) + 12.5 - (way === 'self' ? 10 : 0)
      const width = 25 * Math.abs(source - target) || 20
      made.style.left = `${left}%`
      made.style.width = `${width}%`
      label.style.maxWidth = way === 'self' ? '100%' : `${(100 * (100 - left)) / width}%`
      made.title = texts.join(': ')
      return made
    }

    // The step: what came, what is odd, what stands where, what is owed and when something is due, and why.
    function step() {
      const row = rows[now]
      const parts = []
      const section = (title, ...inside) => inside.length && parts.push(make('h2', '', title), ...inside)
      if (row) {
        section(`${moment(row.at)} ${row.who}`, make('p', '', row.what))
        section('Odd', ...row.notes.map((note) => make('p', 'note', note)))
        if (row.does) section('The engine then does', make('p', '', row.does))
        if (row.state !== undefined) standing(states[row.state], row, section)
        section('Why', ...row.moves.map((place) => moveOf(moves[place])))
      }
      $('step').replaceChildren(...parts)
      $('step').scrollTop = 0
    }

    function standing(state, row, section) {
      const machines = ['lifecycle', 'attention', 'link', 'history', 'courtesy'].filter((name) => state[name])
      const all = [...machines.map((name) => [name, state[name]]), ...state.items]
      section('State', make('div', 'machines', ...all.map(([name, value]) => make('span', '', make('b', '', `${name} `), value))))
      if (state.parties.length) section('In the room', make('p', '', state.parties.join(', ')))
      if (state.owes.length) section('Owed', make('ul', '', ...state.owes.map((one) => make('li', '', one))))
      const due = state.deadlines.filter(([at]) => at < 9e13) // a replay lets calls take as long as they took
      const told = due.map(([at, what]) => make('li', '', `${moment(at)}${row.at ? `, in ${wait(Math.max(0, at - row.at))}` : ''}: ${what}`))
      if (told.length) section('Deadlines', make('ul', '', ...told))
    }

    function moveOf(move) {
      const guards = move.guards.map(([name, answer]) => `[${name}: ${answer ? 'yes' : 'no'}]`).join(' ')
      const to = move.verdict !== 'taken' ? move.verdict : move.to === move.from ? 'stays' : `→ ${move.to}`
      const runs = [...move.runs, ...move.raises.map((one) => `^${one}`)].join(', ')
      return make(
        'div', `move ${move.verdict}`,
        `${move.machine}: ${move.from} on ${move.on} ${guards} ${to}${runs ? ` / ${runs}` : ''}`,
        make('br'), make('small', '', move.ref ? `${move.why} (${move.ref})` : move.why),
      )
    }

    // The transcript, around the step.
    function talk() {
      let last = said.findLastIndex((one) => one.row <= now)
      const from = Math.max(0, last - SHOWN)
      const bubbles = said.slice(from, last + SHOWN).map((one) => {
        const flags = [one.state, one.late && 'late', one.historic && 'from the log'].filter(Boolean).join(', ')
        const bubble = make(
          'div', `said${one.own ? ' own' : ''}${one.row > now ? ' later' : ''}${one.state === 'failed' ? ' failed' : ''}`,
          make('small', '', one.who), make('p', '', one.type === 'text' ? one.text : `${one.type}: ${one.text}`),
          make('small', '', [moment(one.at), flags].filter(Boolean).join(' · ')),
        )
        bubble.onclick = () => go(one.row)
        return bubble
      })
      $('talk').replaceChildren(...bubbles)
      const shown = bubbles[last - from]
      $('talk').scrollTop = shown ? shown.offsetTop - $('talk').clientHeight / 2 : 0
    }

    begin()
  }

  // --- a dropped trace ------------------------------------------------------------------------------------------

  class NoTrace extends Error {}

  function read(text, name, lifecycle) {
    const lines = text.split('\n').filter((line) => line.trim()).map((line, index) => {
      try {
        return JSON.parse(line)
      } catch {
        throw new NoTrace(`${name}: line ${index + 1} is no JSON`)
      }
    })
    if (lines[0] && lines[0].sentences && lines[0].rows) return { lifecycle, ...lines[0] }
    if (!lines[0] || lines[0].trace !== 1) throw new NoTrace(`${name} is no trace: its first line is not the head of one`)
    return storyOf(lines.slice(1), name, lifecycle)
  }

  function storyOf(steps, name, lifecycle) {
    const owed = new Map()
    const progress = new Map()
    const rows = []
    const said = []
    let chat = ''
    for (const step of steps) {
      if (!step || !step.event || typeof step.phase !== 'string') throw new NoTrace(`${name}: line ${rows.length + 2} is no step`)
      const row = rowOf(step, owed)
      chat ||= (step.commands.find((one) => one.chat_id) ?? {}).chat_id ?? ''
      for (const one of step.commands) owed.set(one.id, one)
      for (const one of step.news) tellNews(one, rows.length, row, said, progress)
      if (['say', 'send', 'send_file'].includes(step.event.type)) {
        const text = step.event.text ?? step.event.name ?? ''
        said.push({ type: step.event.type === 'send_file' ? 'file' : 'text', text, own: true, who: 'customer', at: step.event.at, state: '', row: rows.length })
      }
      rows.push(row)
    }
    const last = rows[rows.length - 1]
    return { title: name, chat, rows, said, states: [], moves: [], lifecycle, sentences: sentences(rows, progress, last) }
  }

  function rowOf({ event, phase, commands, news }, owed) {
    const asked = event.type === 'answered' ? owed.get(event.command) : undefined
    owed.delete(event.command)
    const reply = event.reply ?? {}
    const failed = reply.type === 'failure'
    const entries = event.entries ?? reply.entries ?? []
    const happened = entries.map((one) => one.type).join(', ')
    const what = event.type === 'answered'
      ? `${words(asked?.type ?? 'an answer nobody awaits')}: ${failed ? `${reply.kind} ${reply.status ?? ''}` : happened || words(reply.type ?? '')}`
      : `${words(event.type)}${event.text ? `: ${event.text}` : ''}${happened ? `: ${happened}` : ''}`
    const odd = news.filter((one) => one.type === 'anomaly').map((one) => (one.detail ? `${one.kind}: ${one.detail}` : one.kind))
    return {
      at: event.at, from: ['answered', 'incoming'].includes(event.type) ? 'server' : ['tick', 'restarted'].includes(event.type) ? 'engine' : 'customer',
      who: '', what, phase, does: commands.map((one) => words(one.type)).join(', '), notes: odd,
      quiet: !entries.length && !failed && !news.length && ['answered', 'tick'].includes(event.type), moves: [],
    }
  }

  const words = (name) => String(name).replaceAll('_', ' ')

  function tellNews(news, row, into, said, progress) {
    if (news.type === 'progress') progress.set(news.item, news.state)
    if (news.type === 'history_gap') into.notes.push('the log has a gap')
    const entry = news.entry
    if (news.type !== 'received' || !entry || !['message', 'file', 'location'].includes(entry.type)) return
    const text = entry.msg_text || entry.msg || entry.file_name || entry.file_id || `${entry.latitude}, ${entry.longitude}`
    said.push({ type: entry.type === 'message' ? 'text' : entry.type, text: String(text), own: Boolean(news.own), who: news.own ? 'customer' : entry.party_id || 'centre', at: news.at, late: news.late, historic: news.historic, state: '', row })
  }

  function sentences(rows, progress, last) {
    const met = rows.find((row) => row.phase === 'agent_joined')
    const waited = rows.length ? wait((met ?? last).at - rows[0].at) : '0 s'
    const lost = [...progress.values()].filter((one) => one === 'failed').length
    return [
      met ? `The customer waited ${waited} for an agent.` : `The customer waited ${waited}, and no agent ever joined.`,
      last ? `The last phase is ${words(last.phase)}.` : 'Nothing happened.',
      lost ? `${lost} of the ${progress.size} things that the customer sent never arrived.` : 'Nothing that the customer sent is known to be lost.',
    ]
  }

  async function take(file, lifecycle) {
    $('problem').textContent = ''
    try {
      tell(read(await file.text(), file.name, lifecycle))
    } catch (problem) {
      if (!(problem instanceof NoTrace)) throw problem
      $('problem').textContent = problem.message
    }
  }

  const data = JSON.parse($('story').textContent)
  if (data.rows) {
    tell(data)
  } else {
    $('title').textContent = document.title
    $('file').onchange = () => $('file').files[0] && take($('file').files[0], data.lifecycle)
    ondragover = (event) => { event.preventDefault(); $('drop').classList.add('over') }
    ondragleave = () => $('drop').classList.remove('over')
    ondrop = (event) => {
      event.preventDefault()
      $('drop').classList.remove('over')
      const file = event.dataTransfer.files[0]
      if (file) take(file, data.lifecycle)
    }
  }
}

'use strict'
// The story page: shows the story that stands in it, or that `viewer.js` fetches. Every text is set as text, never as HTML.
{
  const $ = (id) => document.getElementById(id)
  const phone = matchMedia('(max-width: 600px)')
  const rowHeight = () => (phone.matches ? 64 : 46) // as the style sheet has it
  const LANES = { customer: 0, engine: 1, server: 2, agents: 3 }
  const SHOWN = 150 // bubbles on either side of the step

  const BETWEEN =
    'One of a batch, and not its last: shown as if they had come one by one. What the engine makes of the whole stands with the last.'

  const { h, padded, clock, drawLifecycle, light } = globalThis.page
  const make = (tag, kind = '', ...inside) => h(tag, { class: kind || null }, ...inside)
  const moment = (at) => clock(at, true)

  // --- time: local; the offset is in the head ----------------------------------------------------------------------

  function offset(date) {
    const minutes = -date.getTimezoneOffset()
    const size = Math.abs(minutes)
    return `${minutes < 0 ? '-' : '+'}${padded(Math.floor(size / 60))}:${padded(size % 60)}`
  }

  function wait(milliseconds) {
    return milliseconds < 10000 ? `${(milliseconds / 1000).toFixed(1)} s` : `${Math.round(milliseconds / 1000)} s`
  }

  // --- one story ------------------------------------------------------------------------------------------------

  function tell(story) {
    const { rows, said, states, moves, lifecycle } = story
    const kinds = new Map(lifecycle.boxes.flatMap((box) => box.states.map((state) => [state, box.kind])))
    const svg = drawLifecycle(lifecycle)
    let now = 0

    function begin() {
      $('title').textContent = story.title + (story.chat ? ` · chat ${story.chat}` : '')
      document.title = story.title
      $('sentences').replaceChildren(...story.sentences.map((one) => make('li', '', one)))
      const first = rows.find((row) => row.at)
      const day = first ? new Date(first.at) : null
      $('zone').textContent = day ? `${day.toLocaleDateString(undefined, { dateStyle: 'full' })}, local time (UTC${offset(day)})` : ''
      $('view').hidden = false
      $('slider').max = Math.max(rows.length - 1, 0)
      $('picture').replaceChildren(svg)
      $('slider').oninput = () => requestAnimationFrame(() => go(Number($('slider').value)))
      $('back').onclick = () => go(now - 1)
      $('on').onclick = () => go(now + 1)
      $('odd').onclick = anomaly
      $('odd').hidden = !rows.some((row) => row.notes.length)
      $('rows').onscroll = () => requestAnimationFrame(list)
      onresize = () => go(now)
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
      const height = rowHeight()
      const top = now * height
      $('all').style.height = `${rows.length * height}px`
      const { scrollTop, clientHeight } = $('rows')
      if (top < scrollTop || top + height > scrollTop + clientHeight) $('rows').scrollTop = top - clientHeight / 2
      list()
      picture()
      step()
      talk()
    }

    // The lifecycle: the phase, those before it, and the arrow between the last two.
    function picture() {
      const times = new Map()
      let [last, from] = [null, null]
      for (const { phase } of rows.slice(0, now + 1)) {
        from = last
        if (phase !== last) times.set(phase, (times.get(phase) ?? 0) + 1)
        last = phase
      }
      const took = from !== last && from !== null
      const way = [`${from} ${last}`, `${kinds.get(from)} ${kinds.get(last)}`]
      light(svg, last, times, (start, end) => took && way.includes(`${start} ${end}`))
      const again = times.get(last) > 1 ? ` (entered ${times.get(last)} times)` : ''
      $('stage').textContent = took ? `${from} → ${last}${again}` : `${last ?? ''}${again}`
    }

    // The timeline is the sequence diagram: only the rows in sight are in the page.
    function list() {
      const from = Math.max(0, Math.floor($('rows').scrollTop / rowHeight()) - 5)
      const to = Math.min(rows.length, from + Math.ceil($('rows').clientHeight / rowHeight()) + 12)
      const made = []
      for (let index = from; index < to; index++) made.push(rowOf(rows[index], index))
      $('all').replaceChildren(...made)
    }

    function rowOf(row, index) {
      const kind = `row${index === now ? ' now' : ''}${row.notes.length ? ' odd' : ''}${row.quiet ? ' quiet' : ''}`
      const made = make('div', kind, make('time', '', moment(row.at)))
      made.style.top = `${index * rowHeight()}px`
      const said = row.from === 'agents' ? [row.who, row.what] : [row.what]
      const lanes = make('div', 'lanes', arrow(row.from, 'engine', said, row.does ? 'upper' : ''))
      if (row.does) lanes.append(arrow('engine', 'server', [row.does], 'does'))
      made.append(lanes)
      made.append(h('span', { class: 'phase', 'data-phase': row.phase }, row.phase))
      made.onclick = () => go(index)
      return made
    }

    // Each text in an element of its own, so that no direction of writing reaches over its end.
    function arrow(from, to, texts, kind) {
      const [source, target] = [LANES[from], LANES[to]]
      const way = source < target ? 'right' : source > target ? 'left' : 'self'
      const label = make('div', '', ...texts.flatMap((text, index) => [...(index ? [': '] : []), make('bdi', '', text)]))
      const made = make('span', `arrow-line ${way} ${kind}`, label)
      const left = 25 * Math.min(source, target) + 12.5 - (way === 'self' ? 15 : 0)
      const width = 25 * Math.abs(source - target) || 30
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
        if (row.between) parts.push(make('p', 'soft', BETWEEN))
        section('Odd', ...row.notes.map((note) => make('p', 'note', note)))
        if (row.does) section('The engine then does', make('p', '', row.does))
        standing(states[row.state], row, section)
        section('Why', ...row.moves.map((place) => moveOf(moves[place])))
      }
      $('step').replaceChildren(...parts)
      $('step').scrollTop = 0
    }

    function standing(state, row, section) {
      const machines = Object.entries(state).filter(([, value]) => typeof value === 'string')
      const all = [...machines, ...state.items]
      section('State', make('div', 'machines', ...all.map(([name, value]) => make('span', '', make('b', '', `${name} `), value))))
      if (state.parties.length) section('Participants', make('p', '', state.parties.join(', ')))
      if (state.owes.length) section('Owed', make('ul', '', ...state.owes.map((one) => make('li', '', one))))
      const due = state.deadlines.filter(([at]) => at < 9e13) // a replay lets calls take as long as they took
      const told = due.map(([at, what]) => make('li', '', `${moment(at)}${row.at ? `, in ${wait(Math.max(0, at - row.at))}` : ''}: ${what}`))
      if (told.length) section('Deadlines', make('ul', '', ...told))
    }

    function moveOf(move) {
      const guards = move.guards.map(([name, answer]) => `[${name}: ${answer ? 'yes' : 'no'}]`).join(' ')
      const to = move.verdict !== 'taken' ? move.verdict : move.target === move.source ? 'stays' : `→ ${move.target}`
      const runs = [...move.effects, ...move.raises.map((one) => `^${one}`)].join(', ')
      return make(
        'div', `move ${move.verdict}`,
        `${move.machine}: ${move.source} on ${move.heard} ${guards} ${to}${runs ? ` / ${runs}` : ''}`,
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

  const data = JSON.parse($('story').textContent)
  if (data.rows) tell(data)
  globalThis.story = { tell, data }
}

// What is dropped on the page goes to who served it, on this machine, and comes back as a story.
{
  const $ = (id) => document.getElementById(id)
  let files = []

  async function asked(path) {
    const form = new FormData()
    for (const file of files) form.append('file', file, file.name)
    if ($('hidden').checked) form.append('hidden', 'yes')
    const reply = await fetch(path, { method: 'POST', body: form }).catch(() => {
      throw new Error('cannot be read; or statemachine, which served this page, no longer runs')
    })
    if (!reply.ok) throw new Error((await reply.json()).error)
    return reply
  }

  async function tried(work) {
    $('problem').textContent = ''
    document.body.classList.add('busy')
    try {
      await work()
    } catch (problem) {
      $('problem').textContent = problem.message
    }
    document.body.classList.remove('busy')
  }

  async function take(list) {
    files = [...list]
    if (!files.length) return
    await tried(async () => {
      story.tell(await (await asked('story')).json())
      $('drop').hidden = true
      for (const one of ['save', 'other']) $(one).hidden = false
    })
  }

  const save = () =>
    tried(async () => {
      const made = document.createElement('a')
      made.href = URL.createObjectURL(await (await asked('page')).blob())
      made.download = `${files[0].name}.html`
      made.click()
      URL.revokeObjectURL(made.href)
    })

  $('title').textContent = document.title
  $('drop').hidden = false
  if (story.data.hidden) $('hidden').checked = $('hidden').disabled = true
  $('file').onchange = () => take($('file').files)
  $('other').onclick = () => $('file').click()
  $('save').onclick = save
  ondragover = (event) => { event.preventDefault(); $('drop').classList.add('over') }
  ondragleave = () => $('drop').classList.remove('over')
  ondrop = (event) => {
    event.preventDefault()
    $('drop').classList.remove('over')
    take(event.dataTransfer.files)
  }
}

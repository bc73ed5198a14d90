/** Completions for an <input>. Options: docs/autocomplete.md. */
export default function etalage(input, {
	url = new URL("suggest", import.meta.url), headers, size = 8, debounce = 50, session, label = "completions",
	onSelect = () => input.form?.requestSubmit(),
} = {}) {
	const make = (tag, as) => Object.assign(document.createElement(tag), as)
	const id = "e" + Math.random()
	const list = make("ul", { id, role: "listbox", ariaLabel: label, className: "etalage" })
	const status = make("div", { role: "status" })
	let answers, active, timer, request

	const move = (to) => {
		for (const one of list.children) one.ariaSelected = one == to
		to?.scrollIntoView({ block: "nearest" })
		input.setAttribute("aria-activedescendant", to?.id ?? "")
		active = to
	}
	const show = (found) => {
		const words = input.value.match(/[\p{L}\p{M}\p{N}]+/gu)?.join("|")
		const typed = RegExp(`(?<![\\p{Ll}\\d])(${words ?? "^$"})`, "iu")
		list.replaceChildren(...found.map((one, at) => {
			const option = make("li", { id: id + at, role: "option", one, onclick() {
				input.value = one.text
				close()
				onSelect(one)
			} })
			option.append(...one.text.split(typed).map((part, odd) => odd % 2 ? make("mark", { innerText: part }) : part))
			if (one.category) option.append(" ", make("small", { innerText: one.category }))
			return option
		}))
		input.ariaExpanded = !(list.hidden = !found[0])
		status.innerText = found[0] ? `${found.length} ${label}` : ""
		move()
	}
	const halt = () => (clearTimeout(timer), request?.abort())
	const close = () => (halt(), answers = {}, show([]))
	const ask = async () => {
		const { signal } = request = new AbortController()
		const asked = url + "?" + new URLSearchParams({ q: input.value, size, after: session?.etalage ?? "" })
		try {
			show(answers[asked] ??= (await (await fetch(asked, { signal, headers })).json()).completions)
		} catch {
			signal.aborted || close()
		}
	}
	const type = ({ isComposing }) => {
		halt()
		if (!isComposing) timer = setTimeout(ask, debounce)
	}
	const on = { input: type, compositionend: type, blur: close, keydown(event) {
		const { key, keyCode } = event, first = list.firstChild
		if (keyCode == 229) return // IME
		if (/Home|End|Left|Right/.test(key)) move()
		if (key == "Tab" && active) input.value = active.one.text
		if (key == "ArrowDown") first ? move(active ? active.nextSibling : first) : type(event)
		else if (key == "ArrowUp") move(active ? active.previousSibling : list.lastChild)
		else if (key == "Enter" && active) active.click()
		else if (key == "Escape" && first) close()
		else return
		event.preventDefault()
	} }
	list.onmousedown = (event) => event.preventDefault()
	for (const name in on) input.addEventListener(name, on[name])
	input.form?.addEventListener("submit", () => {
		close()
		if (session) session.etalage = [input.value, session.etalage?.split(",", 4)].join()
	})
	Object.assign(input, { role: "combobox", autocomplete: "off", ariaAutoComplete: "list" })
	input.setAttribute("aria-controls", id)
	input.after(list, status)
	close()
}

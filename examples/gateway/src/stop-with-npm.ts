/**
 * Ends this process when the npm that started it has ended. A SIGTERM to npm ends npm and its shell alone, and what
 * they started would go on and hold the port. On POSIX an orphan gets another parent; on Windows the old id stays and
 * names no process any more.
 *
 * @param milliseconds between two looks
 */
export function stopWithNpm(milliseconds = 500): void {
  if (process.env.npm_lifecycle_event === undefined) return
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent && exists(parent)) return
    clearInterval(timer)
    process.emit('SIGTERM', 'SIGTERM')
  }, milliseconds)
  timer.unref()
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Of another user, it is there all the same
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

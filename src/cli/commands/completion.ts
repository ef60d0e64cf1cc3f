import { UsageError } from "../../errors.ts";
import type { CommandDefinition } from "../command.ts";

export const completion: CommandDefinition = {
  name: "completion",
  summary: "Print the completion script of a shell: commands, options, job names, run ids",
  examples: [
    ['eval "$(runner completion bash)"', "a line for ~/.bashrc; the same with zsh and ~/.zshrc"],
    ["runner completion fish > ~/.config/fish/completions/runner.fish", "for fish"],
    ["runner completion pwsh | Out-String | Invoke-Expression", "a line for PowerShell's $PROFILE"],
  ],
  define: (command) => {
    command.argument("[shell]", "bash, zsh, fish or pwsh");
    // What the scripts call; nobody types it: the words of the command line, the last one unfinished.
    command.argument("[words...]").usage("[options] <shell>");
    command.addOption(command.createOption("--query", "print what may stand in place of the last word").hideHelp());
  },
  execute: async (context, args, options) => {
    const { scripts } = await import("../completion-scripts.ts");
    if (options["query"] === true) {
      const { candidates } = await import("../completion-query.ts");
      for (const line of await candidates(context, args.slice(1))) context.output.data(line);
      return 0;
    }
    const [shell = "", ...more] = args;
    const script = Object.hasOwn(scripts, shell) ? scripts[shell] : undefined;
    const known = Object.keys(scripts).join(", ");
    if (script === undefined || more.length > 0)
      throw new UsageError(
        shell === "" ? "which shell?" : `there is no completion for ${JSON.stringify([shell, ...more].join(" "))}`,
        {
          suggestion: `Known are ${known}: runner completion bash`,
        },
      );
    if (context.output.json) context.output.document("completion", { shell, script });
    else context.output.data(script.trimEnd());
    return 0;
  },
};

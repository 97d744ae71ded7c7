"""Everything that a report says, in English and Chinese; both take the same fields, so that the numbers are the same.

Backticks mark names, as in Markdown. No number is written here that the other language does not have.
"""

from __future__ import annotations

from typing import Any

STRINGS: dict[str, dict[str, str]] = {
    "en": {
        "title": "Validation on {data}",
        "labels_share": "{name} with {share} of the labels",
        "and": ", ",
        "colon": ": ",
        # verdicts
        "better": "better",
        "worse": "worse",
        "better by less": "better, but by less than the margin",
        "worse by less": "worse, but by less than the margin",
        "equivalent": "equivalent",
        "null_word": "noise",
        "inconclusive": "inconclusive",
        "supported": "supported",
        "refuted": "refuted",
        "not shown": "not shown",
        "more than claimed": "more than claimed",
        "is better": "{candidate} is better than {baseline}",
        "is worse": "{candidate} is worse than {baseline}",
        "is better by less": "{candidate} is better than {baseline}, but by less than the margin of {margin}",
        "is worse by less": "{candidate} is worse than {baseline}, but by less than the margin of {margin}",
        "is equivalent": "{candidate} is equivalent to {baseline} within {margin}",
        "is inconclusive": "{candidate} cannot be told from {baseline} yet",
        "sentence": "{what}: {difference} {metric}, 95% CI [{lo}, {hi}]",
        "would decide": "; about {seeds} seeds would decide it",
        # the headline of several candidates
        "none better": "no configuration is shown to be better than `{baseline}`",
        "all better": "better than `{baseline}`: {names}",
        "all worse": "worse: {names}",
        "all better by less": "better, but by less than the margin of {margin}: {names}",
        "all worse by less": "worse, but by less than the margin of {margin}: {names}",
        "all equivalent": "equivalent within {margin}: {names}",
        "all inconclusive": "not decided yet: {names}",
        "headline": "Over {seeds} paired seeds {parts}.",
        "headline_claims": "Of {all} claims, on {data}: {counts}.",
        "count": "{n} {verdict}",
        "count_named": "{n} {verdict} ({names})",
        "separator": "; ",
        "facts": "{seeds} paired seeds, {epochs} epochs each; primary metric: {metric}; differences below {margin} do "
        "not matter in practice.",
        "null_alarm": "Take care: the null arm, which is `{baseline}` again with other random streams, came out "
        "{verdict} by {difference} [{lo}, {hi}]. Differences of that size appear here where there is nothing to find.",
        "null_quiet": "The null arm, which is `{baseline}` again with other random streams, differs by {difference} "
        "[{lo}, {hi}] where the truth is zero: so much is noise.",
        # claims
        "h_claims": "What was claimed, and what was measured",
        "claim": "claim",
        "metric": "measured on",
        "claimed": "claimed %",
        "naive": "naive %",
        "measured": "measured %",
        "ci": "95% CI",
        "noise": "noise floor %",
        "verdict": "verdict",
        "versus": "`{candidate}` against `{baseline}`",
        "claims_note": "Positive is an improvement. *Measured*: mean paired change on a yardstick that no setting "
        "rescales. *Naive*: the same read off the weighted total loss, which shrinks whenever a weight shrinks; the "
        "gap between the two is arithmetic. *Noise floor*: the null arm's figure, where the truth is zero.",
        "claims_verdicts": "*Supported*: the interval overlaps the claimed range and excludes no effect. *Refuted*: it "
        "lies wholly short of the range. Both hold after Holm's correction over all claims: of so many, some would "
        "come out either way by chance. *More than claimed*: it lies wholly beyond the range. *Not shown*: anything "
        "else. A range that holds zero promises that little changes: supported is an interval inside it, refuted one "
        "outside.",
        "claims_few": "Too few seeds for {pairs} different comparisons that are claimed: {seeds} were run, and "
        "the exact "
        "test needs {needs}.",
        "claims_readings": "A gain in percent of a score is read both as percent and as points, `+20% speed` "
        "both as 20% "
        "fewer epochs and as 1.2 times the pace: refuted is what fails either way. Stability is read three ways "
        "(relative "
        "and absolute wobble of the loss, wobble of F1): the verdict stands where all agree.",
        "claims_ceiling": "Out of reach, since the score would have to exceed 1: {claims}.",
        "censored": "Runs that did not reach the target of the speed, so that their time counts as far as they came: "
        "{arms}.",
        "why not measured": "not measured in these runs",
        "why unreached": "only {epochs} epochs run",
        "why too short": "undefined in {epochs} epochs",
        "why never reached": "target never reached",
        "why at once": "target reached at once",
        "why zero": "zero in the baseline",
        "why unbounded": "unbounded",
        "why equal": "equal in every seed",
        # forest
        "h_forest": "Differences from the baseline",
        "candidate": "arm",
        "difference": "difference",
        "p_holm": "p (Holm)",
        "probability": "P(better)",
        "needed": "seeds needed",
        "smallest": "smallest effect that shows",
        "forest_caption": "Mean difference from `{baseline}` within the same seed, and its 95% interval; shaded: the "
        "margin of {margin}. An interval inside the band is equivalent, one that excludes zero is a difference. The "
        "intervals of all {together} comparisons hold together with 95% confidence, and agree with Holm's correction. "
        "Below the line: the null arm.",
        "forest_note": "p: the larger of the exact sign-flip test and the t test over seeds, with Holm's correction "
        "over this table, the ladder and the interaction (the null arm stands outside; its interval leaves zero out "
        "only at a p of 0.005 or less). Smallest effect that shows: what so many seeds detect with a power of 80%.",
        "by t": "Intervals: Student's t over the seeds. A bootstrap over so few is too narrow (BCa holds 90% "
        "instead of 95% at 10 seeds).",
        "by sequence": "Intervals: a confidence sequence, which holds however often one looks; it is wider than "
        "Student's t for that.",
        "clipped": "An arrow: the interval goes on beyond the axis.",
        "higher": "higher is better",
        "lower": "lower is better",
        # curves
        "h_curves": "How the arms learn",
        "epoch": "epoch",
        "curve_f1": "validation weighted F1",
        "curve_ce": "validation cross-entropy",
        "minus": "{metric}, minus baseline",
        "curves_caption": "Above: mean and 95% band over seeds. Below: the difference from the baseline within the "
        "same seed, which leaves out what the seeds have in common; where a band holds zero there is nothing to see.",
        # document's tables
        "h_document": "The document's own tables, measured",
        "h_overview": "Table 1.2, effects on convergence",
        "indicator": "indicator",
        "d_claimed": "{arm}: claimed %",
        "d_naive": "naive %",
        "d_measured": "measured % [95% CI]",
        "signs_note": "Signs as in the document: speed, stability and performance rise, loss and its fluctuation fall.",
        "h_losses": "Table 3.2, the loss by epoch",
        "arm": "arm",
        "d_change": "claimed change %",
        "d_total": "weighted total",
        "d_total_change": "its change %",
        "d_ce": "training cross-entropy",
        "d_ce_change": "its change % [95% CI]",
        "losses_curves": "Logarithmic axes: mean and 95% band over seeds. On the left the loss that the document "
        "reads, on the right the loss that no setting rescales.",
        "row_fluctuation": "its fluctuation",
        "losses_note": "The weighted total is the loss that the document reads; settings rescale it. Training "
        "cross-entropy is the same loss for every arm.",
        "unreached": "Not reached in {epochs} epochs: {missing}.",
        # dose-response
        "h_dose": "Which weight?",
        "dose": "{knob}",
        "dose_axis": "difference from the best",
        "dose_caption": "Mean difference from the best value, {best}, within the same seed, and its 95% interval; "
        "shaded: within {margin} of it. Logarithmic axis, with zero at its left edge.",
        "dose_sentence": "Best on average is `{knob}` {best}. Surely no more than {margin} behind it: {within}.",
        "dose_none": "none of the others",
        "dose_beyond": "Clearly further behind: {worse}.",
        "dose_none_worse": "Clearly further behind: none.",
        "dose_open": "These seeds cannot tell of: {open}.",
        "dose_marked": "{dose} (`{arm}`) differs from the best by {difference} [{lo}, {hi}]: {reading}.",
        "mean": "mean",
        "reading": "in words",
        "dose_best": "best",
        "dose_within": "within the margin",
        "dose_clearly": "clearly worse",
        "dose_perhaps": "cannot be told",
        "dose_note": "The best is chosen on the same seeds, which flatters it: the others come out a little too far "
        "behind. Within the margin and clearly worse: by the 95% interval.",
        # designs
        "h_ladder": "One change at a time",
        "step": "step",
        "ladder_note": "Each step is compared with the one before it; the intervals hold together with those above.",
        "h_factorial": "Two changes, alone and together",
        "alone": "`{arm}` alone",
        "both": "both (`{arm}`)",
        "interaction": "together beyond the sum",
        "sum more": "more than the sum of both",
        "sum less": "less than the sum of both",
        "sum equal": "no interaction shown",
        # scale
        "h_scale": "Scale or shape?",
        "scale": "SmoothL1 is half of the squared error for small residuals, so that the switch alone halves the "
        "weight that acts: `{plain}` differs from `{baseline}` by {plain_difference}, and `{matched}`, the control "
        "with the weight doubled to match, by {matched_difference}; what is left there is the shape of the loss.",
        "effective": "The effective weight, the ratio of the reconstruction's gradient to the classification's on the "
        "shared encoder, tells what a weight does: {weights}.",
        # divergence
        "h_diverged": "Runs that diverged",
        "diverged": "`{arm}`: {n} of {runs} runs diverged (by these, {low} to {high} would){reasons}.",
        "diverged_too": "; {n} of {runs} runs diverged",
        "diverged_note": "They count with the worst value that any run had (zero for scores) and are never dropped; "
        "curves show the others.",
        "none_diverged": "No run diverged ({runs} runs). Of one arm with {each} runs, up to {high} could (95%).",
        # diagnosis
        "h_diagnosis": "Do the runs look sound?",
        "nothing_wrong": "The loss falls, does not wobble, and validation does not turn while training goes on: "
        "nothing that would make the comparison suspect.",
        "finds loss_does_not_fall": "The training cross-entropy does not fall in {arms}. Check the learning rate, "
        "the weights (does one term drown the others?), the loss function.",
        "finds loss_fluctuates": "The validation cross-entropy goes up and down from epoch to epoch in {arms}. Check "
        "outliers in the features (SmoothL1), the balance of the weights, data quality, the batch size.",
        "finds validation_does_not_improve": "The validation cross-entropy is lowest early and rises from there in "
        "{arms}. Check overfitting (dropout, weight decay, fewer epochs), the balance of the weights, the capacity.",
        "finds labels_leaked": "Validation is all but perfect at once and test far below in {arms}: labels have "
        "probably leaked into the features. Until that is cleared up no comparison here means anything.",
        # settings
        "h_settings": "Exact settings",
        "setting": "setting",
        "value": "value",
        "data": "data",
        "command": "command",
        "code": "code (content)",
        "epochs": "epochs",
        "model": "model",
        "training": "training",
        "seeds": "seeds",
        "seeds_value": "{seeds} (fresh: no search has used them)",
        "until_decided": "looked after every few seeds, with intervals that allow for it; {seeds} at most",
        "margin": "margin",
        "versions": "versions",
        "arms": "arms",
        "settings_of": "settings; below the first arm, what differs from it",
        "same_knobs": "as `{baseline}`, other random streams",
        "diverged_runs": "diverged",
        "h_repeat": "Repeat it",
        "made_by": "Fixed before the first run and written to MLflow: arms, claims, margin, seeds. The same command on "
        "the same state shows this result again; on a new one it repeats every run.",
    },
    "zh": {
        "title": "在 {data} 上的验证",
        "labels_share": "{name}（仅 {share} 的标签）",
        "and": "、",
        "colon": "：",
        "better": "更好",
        "worse": "更差",
        "better by less": "更好，但不足界限",
        "worse by less": "更差，但不足界限",
        "equivalent": "等效",
        "null_word": "噪声",
        "inconclusive": "尚无定论",
        "supported": "得到支持",
        "refuted": "被否定",
        "not shown": "未能证明",
        "more than claimed": "超出所称",
        "is better": "{candidate} 优于 {baseline}",
        "is worse": "{candidate} 劣于 {baseline}",
        "is better by less": "{candidate} 优于 {baseline}，但差异小于界限 {margin}",
        "is worse by less": "{candidate} 劣于 {baseline}，但差异小于界限 {margin}",
        "is equivalent": "{candidate} 与 {baseline} 等效（界限 {margin} 以内）",
        "is inconclusive": "{candidate} 与 {baseline} 目前无法区分",
        "sentence": "{what}：{metric}相差 {difference}，95% 置信区间 [{lo}, {hi}]",
        "would decide": "；约需 {seeds} 个种子才能定论",
        "none better": "没有任何配置被证明优于 `{baseline}`",
        "all better": "优于 `{baseline}`：{names}",
        "all worse": "更差：{names}",
        "all better by less": "更好，但差异小于界限 {margin}：{names}",
        "all worse by less": "更差，但差异小于界限 {margin}：{names}",
        "all equivalent": "在 {margin} 以内等效：{names}",
        "all inconclusive": "尚无定论：{names}",
        "headline": "{seeds} 个配对种子的结果：{parts}。",
        "headline_claims": "在 {data} 上，全部 {all} 条主张中，{counts}。",
        "count": "{n} 条{verdict}",
        "count_named": "{n} 条{verdict}（{names}）",
        "separator": "；",
        "facts": "{seeds} 个配对种子，每次训练 {epochs} 轮；主要指标：{metric}；小于 {margin} 的差异没有实际意义。",
        "null_alarm": "请注意：空白对照组（即换用其他随机流的 `{baseline}`）的结果为“{verdict}”，相差 {difference} "
        "[{lo}, {hi}]。也就是说，在本来毫无差别的地方也会出现这么大的差异。",
        "null_quiet": "空白对照组（即换用其他随机流的 `{baseline}`）相差 {difference} [{lo}, {hi}]，"
        "而其真值为零：这就是噪声的大小。",
        "h_claims": "主张与实测",
        "claim": "主张",
        "metric": "衡量指标",
        "claimed": "所称 %",
        "naive": "表面 %",
        "measured": "实测 %",
        "ci": "95% 置信区间",
        "noise": "噪声基准 %",
        "verdict": "结论",
        "versus": "`{candidate}` 对比 `{baseline}`",
        "claims_note": "正数表示改进。*实测*：配对变化的均值，所用尺度不随任何设置缩放。*表面*：同一数字，但从加权总"
        "损失上读出；权重一降，总损失就随之变小，两者之差只是算术。*噪声基准*：空白对照组的数字，其真值为零。",
        "claims_verdicts": "*得到支持*：区间与所称范围重叠，且排除了“没有效果”。*被否定*：区间整体达不到所称范围。"
        "两者都经过对全部主张的 Holm 校正：主张一多，总有一些会碰巧成立或不成立。*超出所称*：区间整体高于所称范围。"
        "*未能证明*：其余情况。所称范围若包含零，即承诺几乎不变：区间在范围之内为得到支持，在范围之外为被否定。",
        "claims_few": "对 {pairs} 项不同的主张而言种子太少：只训练了 {seeds} 个，精确检验需要 {needs} 个。",
        "claims_readings": "分数的百分比增益既按百分比也按百分点理解，`+20% speed` 既按轮数减少 20% 也按速度为 1"
        ".2 倍理解："
        "两种理解都不成立才算被否定。稳定性有三种读法（损失的相对波动、绝对波动，以及 F1 的波动）：三者一致才有结论。",
        "claims_ceiling": "不可能达到，因为分数将超过 1：{claims}。",
        "censored": "未达到速度目标的训练，其时间只计到所及之处：{arms}。",
        "why not measured": "这些训练未测量",
        "why unreached": "只训练了 {epochs} 轮",
        "why too short": "{epochs} 轮内无法定义",
        "why never reached": "从未达到目标",
        "why at once": "一轮即达到目标",
        "why zero": "基线为零",
        "why unbounded": "没有界限",
        "why equal": "每个种子都相同",
        "h_forest": "与基线的差异",
        "candidate": "实验组",
        "difference": "差异",
        "p_holm": "p（Holm）",
        "probability": "更好的概率",
        "needed": "所需种子数",
        "smallest": "可检出的最小效应",
        "forest_caption": "同一种子内与 `{baseline}` 之差的均值及其 95% 区间；阴影为界限 {margin}。"
        "区间落在阴影内即为等效，不含零即为有差异。全部 {together} 项比较的区间以 95% 的把握一并成立，"
        "并与 Holm 校正一致。"
        "横线以下为空白对照组。",
        "forest_note": "p：对种子的精确符号翻转检验与 t 检验中较大者；Holm 校正涵盖本表、逐项叠加的改动与交互作用"
        "（空白对照组不计入，其区间仅在 p 不大于 0.005 时不含零）。可检出的最小效应："
        "这么多种子能以 80% 的功效检出的差异。",
        "by t": "区间：对种子的 Student t 区间。种子这么少时自助法区间过窄（10 个种子时 BCa "
        "的实际覆盖率是 90%，而非 95%）。",
        "by sequence": "区间：置信序列，无论查看多少次都成立，因此比 Student t 区间更宽。",
        "clipped": "箭头表示区间超出坐标轴。",
        "higher": "越高越好",
        "lower": "越低越好",
        "h_curves": "收敛过程",
        "epoch": "轮次",
        "curve_f1": "验证集加权 F1",
        "curve_ce": "验证集交叉熵",
        "minus": "{metric}，减去基线",
        "curves_caption": "上：各种子的均值与 95% 区间带。下：同一种子内与基线之差，已消去种子的共同影响；"
        "区间带包含零之处，看不出任何差别。",
        "h_document": "原文档的表格，填入实测值",
        "h_overview": "表 1.2：对收敛的影响",
        "indicator": "指标",
        "d_claimed": "{arm}：所称 %",
        "d_naive": "表面 %",
        "d_measured": "实测 % [95% 区间]",
        "signs_note": "符号与原文档一致：速度、稳定性、性能为升，损失及其波动为降。",
        "h_losses": "表 3.2：各轮的损失",
        "arm": "实验组",
        "d_change": "所称变化 %",
        "d_total": "加权总损失",
        "d_total_change": "其变化 %",
        "d_ce": "训练交叉熵",
        "d_ce_change": "其变化 % [95% 区间]",
        "losses_curves": "对数坐标：各种子的均值与 95% 区间带。左为原文档所读的损失，右为不随任何设置缩放的损失。",
        "row_fluctuation": "其波动",
        "losses_note": "加权总损失即原文档所读的损失，会随设置缩放；训练交叉熵对各实验组是同一个损失。",
        "unreached": "在 {epochs} 轮内未达到的轮次：{missing}。",
        "h_dose": "权重取多少？",
        "dose": "{knob}",
        "dose_axis": "与最佳值之差",
        "dose_caption": "同一种子内与最佳值 {best} 之差的均值及其 95% 区间；阴影：与其相差不超过 {margin}。"
        "横轴为对数，左端为零。",
        "dose_sentence": "`{knob}` 平均表现最佳的取值是 {best}。可以肯定落后不超过 {margin} 的有：{within}。",
        "dose_none": "其余皆不能肯定",
        "dose_beyond": "明显落后更多的有：{worse}。",
        "dose_none_worse": "没有明显落后更多的取值。",
        "dose_open": "凭这些种子尚不能断定的有：{open}。",
        "dose_marked": "{dose}（`{arm}`）与最佳值相差 {difference} [{lo}, {hi}]：{reading}。",
        "mean": "均值",
        "reading": "解读",
        "dose_best": "最佳",
        "dose_within": "在界限之内",
        "dose_clearly": "明显更差",
        "dose_perhaps": "不能断定",
        "dose_note": "最佳值是在同一批种子上选出的，因而略占便宜：其余取值显得落后稍多。“在界限之内”与“明显更差”"
        "均依据 95% 区间。",
        "h_ladder": "逐项叠加的改动",
        "step": "步骤",
        "ladder_note": "每一步都与前一步比较；区间与上表的各项比较一并成立。",
        "h_factorial": "两项改动：单独与同时",
        "alone": "仅 `{arm}`",
        "both": "两者同时（`{arm}`）",
        "interaction": "同时采用超出两者之和的部分",
        "sum more": "大于两者之和",
        "sum less": "小于两者之和",
        "sum equal": "未见交互作用",
        "h_scale": "是尺度，还是形状？",
        "scale": "残差较小时，SmoothL1 只有平方误差的一半，因此仅仅更换损失就使实际起作用的权重减半：`{plain}` 与 "
        "`{baseline}` 相差 {plain_difference}；而将权重加倍以匹配尺度的对照组 `{matched}` 相差 {matched_difference}，"
        "其中剩下的才是损失形状的作用。",
        "effective": "有效权重，即共享编码器上重构梯度与分类梯度的范数之比，反映了权重的真实作用：{weights}。",
        "h_diverged": "发散的训练",
        "diverged": "`{arm}`：{n} 次发散，共 {runs} 次训练（据此推断发散比例为 {low} 至 {high}）{reasons}。",
        "diverged_too": "；{n} 次发散，共 {runs} 次训练",
        "diverged_note": "发散的训练按所有训练中最差的值计入（分数类指标计为零），绝不剔除；曲线只显示其余训练。",
        "none_diverged": "没有任何训练发散（共 {runs} 次训练）。一个实验组训练 {each} 次，发散比例仍可达 {high}"
        "（95%）。",
        "h_diagnosis": "训练本身是否正常？",
        "nothing_wrong": "损失在下降、没有剧烈波动，验证集也未在训练途中转坏：没有任何迹象使比较可疑。",
        "finds loss_does_not_fall": "{arms} 的训练交叉熵不下降。请检查学习率、各项权重（是否有一项压倒其余）、"
        "损失函数。",
        "finds loss_fluctuates": "{arms} 的验证交叉熵逐轮起伏。请检查特征中的离群值（SmoothL1）、权重平衡、"
        "数据质量、批大小。",
        "finds validation_does_not_improve": "{arms} 的验证交叉熵很早就到最低，此后上升。请检查过拟合（dropout、"
        "权重衰减、减少轮数）、权重平衡、模型容量。",
        "finds labels_leaked": "{arms} 的验证成绩一开始就近乎完美，而测试远低于它：标签很可能泄漏到了特征里。"
        "在查清之前，此数据上的任何比较都没有意义。",
        "h_settings": "完整设置",
        "setting": "设置",
        "value": "取值",
        "data": "数据",
        "command": "命令",
        "code": "代码（内容）",
        "epochs": "轮数",
        "model": "模型",
        "training": "训练",
        "seeds": "种子",
        "seeds_value": "{seeds}（全新种子，从未用于搜索）",
        "until_decided": "每隔几个种子查看一次，置信区间已为此放宽；至多 {seeds} 个",
        "margin": "界限",
        "versions": "版本",
        "arms": "实验组",
        "settings_of": "设置；首行以下只列不同之处",
        "same_knobs": "同 `{baseline}`，随机流不同",
        "diverged_runs": "发散",
        "h_repeat": "如何重复",
        "made_by": "实验组、主张、界限和种子都在首次训练之前确定，并写入 MLflow。在同一状态目录下运行同一命令会再次显示"
        "本结果；在新的状态目录下则会重复全部训练。",
    },
}

METRICS: dict[str, dict[str, str]] = {
    "en": {
        "final_performance": "test weighted F1",
        "macro_f1": "test macro F1",
        "accuracy": "test accuracy",
        "minority_performance": "test F1 of the rarest classes",
        "speed": "mean epochs to the baseline's level",
        "epochs_to_95": "epochs to 95% of the baseline's F1, first touch",
        "stability": "fluctuation of validation cross-entropy",
        "training_fluctuation": "fluctuation of training cross-entropy",
        "gradient_stability": "fluctuation of the classification gradient",
        "training_stability": "share of gradient explosions",
        "training_loss": "training cross-entropy",
        "convergence_quality": "lowest validation cross-entropy",
        "reconstruction": "validation MSE of the reconstruction",
        "gate_saturation": "share of saturated gates",
        "stability_early": "fluctuation, early phase",
        "stability_middle": "fluctuation, middle phase",
        "stability_late": "fluctuation, late phase",
        "area_early": "mean validation F1, early phase",
        "area_middle": "mean validation F1, middle phase",
        "area_late": "mean validation F1, late phase",
        "training_loss@": "training cross-entropy at epoch {epoch}",
        # rows of the document's table
        "row_speed": "convergence speed",
        "row_stability": "convergence stability",
        "row_final_performance": "final performance",
        "row_training_loss": "training loss",
        "row_training_fluctuation": "loss fluctuation",
    },
    "zh": {
        "final_performance": "测试集加权 F1",
        "macro_f1": "测试集宏平均 F1",
        "accuracy": "测试集准确率",
        "minority_performance": "最稀有类别的测试 F1",
        "speed": "达到基线水平的平均轮数",
        "epochs_to_95": "首次达到基线 F1 的 95% 所需轮数",
        "stability": "验证交叉熵的波动",
        "training_fluctuation": "训练交叉熵的波动",
        "gradient_stability": "分类梯度的波动",
        "training_stability": "梯度爆炸的比例",
        "training_loss": "训练交叉熵",
        "convergence_quality": "验证交叉熵的最低值",
        "reconstruction": "重构的验证 MSE",
        "gate_saturation": "饱和门控的比例",
        "stability_early": "波动，早期",
        "stability_middle": "波动，中期",
        "stability_late": "波动，后期",
        "area_early": "验证 F1 均值，早期",
        "area_middle": "验证 F1 均值，中期",
        "area_late": "验证 F1 均值，后期",
        "training_loss@": "训练交叉熵，轮次 {epoch}",
        "row_speed": "收敛速度",
        "row_stability": "收敛稳定性",
        "row_final_performance": "最终性能",
        "row_training_loss": "训练损失",
        "row_training_fluctuation": "损失波动",
    },
}

LANGUAGES = tuple(STRINGS)


class Words:
    """The strings of one language."""

    def __init__(self, lang: str = "en") -> None:
        self.lang = lang
        self._strings = STRINGS[lang]

    def __call__(self, key: str, **fields: Any) -> str:
        """The string of that key, filled in."""
        return self._strings[key].format(**fields)

    def metric(self, name: str) -> str:
        """A metric in plain words."""
        if name.startswith("training_loss@"):
            return METRICS[self.lang]["training_loss@"].format(epoch=name.removeprefix("training_loss@"))
        return METRICS[self.lang].get(name, name)

    def join(self, parts: list[str]) -> str:
        """A list in a sentence."""
        return self("and").join(parts)

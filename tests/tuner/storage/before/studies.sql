BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('v3.2.0.a');
CREATE TABLE studies (
	study_id INTEGER NOT NULL, 
	study_name VARCHAR(512) NOT NULL, 
	PRIMARY KEY (study_id)
);
INSERT INTO "studies" VALUES(1,'old');
INSERT INTO "studies" VALUES(2,'validate-old-47133e44');
CREATE TABLE study_directions (
	study_direction_id INTEGER NOT NULL, 
	direction VARCHAR(8) NOT NULL, 
	study_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	PRIMARY KEY (study_direction_id), 
	UNIQUE (study_id, objective), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_directions" VALUES(1,'MAXIMIZE',1,0);
INSERT INTO "study_directions" VALUES(2,'MAXIMIZE',2,0);
CREATE TABLE study_system_attributes (
	study_system_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_system_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_system_attributes" VALUES(1,1,'study:metric_names','["val/weighted_f1"]');
INSERT INTO "study_system_attributes" VALUES(2,1,'dashboard:note_str:0','"**Best: `#3 w=0.03 smooth_l1 gate=0.01 focal=2 ema_inverse (advanced)`, val/weighted_f1 0.8764; the baseline 0.8727. 6 trials, 1 of them stopped early.**\n\n**Verdict** ([validate-old-47133e44](#/experiments/2/runs/0d8e2da64e2849d38f70e26cdd5d4cd9/artifacts/report.html?workflowType=machine_learning)): best cannot be told from baseline yet: +0.0188 test weighted F1, 95% CI [+0.0019, +0.0358]; about 9 seeds would decide it.\n\n## Best against baseline and plans\n\n|  | trial | val/weighted_f1 | test weighted F1 | epochs to 95% |\n| --- | --- | --- | --- | --- |\n| best | #3 | 0.8764 | 0.8525 | 2 |\n| baseline | #0 | 0.8727 | 0.8592 | 2 |\n| basic | #1 | 0.8649 | 0.8625 | 2 |\n| full | #2 | 0.8617 | 0.8629 | 2 |\n| advanced | #3 | 0.8764 | 0.8525 | 2 |\n| logistic regression |  | 0.8421 | 0.8460 |  |\n\nBest: `encoder_loss_weight` 0.03, `reconstruction_loss` smooth_l1, `gate_reg_weight` 0.01, `classification_loss` focal, `focal_gamma` 2, `weighting` ema_inverse\n\n## Before you believe it\n\n- The baseline under 4 seeds gives 0.8608 .. 0.8727: differences smaller than that are chance until a comparison over fresh seeds says otherwise.\n\n## What was done\n\nThe recommendation''s knobs on the embedded data, in a few minutes on a laptop.\n\n**Data**: htad, 1386 rows (832 / 277 / 277 train / validation / test, 832 training labels), views audio 36, accelerometer 16, 7 classes. HTAD (Home-Tasks Activities Dataset) is fully open for research and educational purposes; competitions and commercial purposes need prior written permission. Documents that use it or report results on it must cite https://link.springer.com/chapter/10.1007/978-3-030-67835-7_17.\n\n**Trials**: 5 completed, 1 pruned, 0 failed; 22 of 24 epochs trained (8% saved by pruning)\n\n**Searched**: `encoder_loss_weight` 0.01 .. 0.1 (log); `reconstruction_loss` one of mse, smooth_l1; `gate_reg_weight` 0 .. 0.05; `classification_loss` one of cross_entropy, focal; `focal_gamma` 0.5 .. 4; `weighting` one of fixed, warmup, ema_inverse; `warmup_epochs` 1 .. 10\n\n## Next\n\n- `tuner status old`: "');
INSERT INTO "study_system_attributes" VALUES(3,1,'dashboard:note_str:1','"every trial''s fate\n- `tuner export old --format args`: the best config as flags; also yaml, json, html\n- `tuner ui`: browse curves, plots and the best model\n- `tuner validate old --baseline baseline --candidate trial:3`: skill or luck: both again under fresh seeds\n- `tuner start --name old --trials 12`: search on\n"');
INSERT INTO "study_system_attributes" VALUES(4,1,'dashboard:note_ver','2');
CREATE TABLE study_user_attributes (
	study_user_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_user_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_user_attributes" VALUES(1,1,'data_fingerprint','"d1c50a61432dbfbe"');
INSERT INTO "study_user_attributes" VALUES(2,1,'data','{"name": "htad", "rows": 1386, "split": [832, 277, 277], "labelled_train": 832, "views": {"audio": 36, "accelerometer": 16}, "classes": ["brush_teeth", "eat_chips", "mop_floor", "sweep", "type_on_keyboard", "wash_hands", "watch_tv"], "dialogues": null, "terms": "HTAD (Home-Tasks Activities Dataset) is fully open for research and educational purposes; competitions and commercial purposes need prior written permission. Documents that use it or report results on it must cite https://link.springer.com/chapter/10.1007/978-3-030-67835-7_17."}');
INSERT INTO "study_user_attributes" VALUES(3,1,'code','{}');
INSERT INTO "study_user_attributes" VALUES(4,1,'mlflow','{"experiment_id": "1", "run_id": "0033c65aaaca4d4e8880220058b08446"}');
INSERT INTO "study_user_attributes" VALUES(5,1,'n_trials','6');
INSERT INTO "study_user_attributes" VALUES(6,1,'warm_start','[]');
INSERT INTO "study_user_attributes" VALUES(7,1,'versions','{"tuner": "0.1.0", "python": "3.11.7", "torch": "2.13.0+cpu", "optuna": "5.0.0", "mlflow": "3.17.2", "scikit-learn": "1.9.1", "numpy": "2.4.6"}');
INSERT INTO "study_user_attributes" VALUES(8,1,'spec','{"description": "The recommendation''s knobs on the embedded data, in a few minutes on a laptop.", "data": {"source": "htad", "path": null, "labels": 1.0}, "model": {"hidden": 64, "view_width": 32, "dropout": 0.4, "context": "auto", "context_layers": 1}, "training": {"epochs": 4, "batch_size": null, "learning_rate": 0.002, "weight_decay": 0.01, "clip_norm": 5.0, "schedule": "cosine", "early_stopping": null, "amp": false, "conflict_every": 10}, "command": null, "script": {"metrics": {}, "metrics_file": null, "directory": ".", "environment": {}, "time_limit": null, "grace": 10.0}, "objective": "val/weighted_f1", "direction": null, "search": {"trials": 6, "sampler": "tpe", "startup_trials": 10, "pruner": "rungs", "first_rung": 0.1, "reduction": 3.0, "min_peers": 4, "replicates": 3}, "knobs": {"encoder_loss_weight": {"low": 0.01, "high": 0.1, "log": true, "choices": null, "kind": null, "when": null}, "reconstruction_loss": {"low": null, "high": null, "log": false, "choices": ["mse", "smooth_l1"], "kind": null, "when": null}, "gate_reg_weight": {"low": 0.0, "high": 0.05, "log": false, "choices": null, "kind": null, "when": null}, "classification_loss": {"low": null, "high": null, "log": false, "choices": ["cross_entropy", "focal"], "kind": null, "when": null}, "focal_gamma": {"low": 0.5, "high": 4.0, "log": false, "choices": null, "kind": null, "when": null}, "weighting": {"low": null, "high": null, "log": false, "choices": ["fixed", "warmup", "ema_inverse"], "kind": null, "when": null}, "warmup_epochs": {"low": 1.0, "high": 10.0, "log": false, "choices": null, "kind": null, "when": null}}, "fixed": {}, "baseline": {}, "plans": {"basic": {"encoder_loss_weight": 0.03, "reconstruction_loss": "smooth_l1", "gate_reg_weight": 0.01}, "full": {"encoder_loss_weight": 0.03, "reconstruction_loss": "smooth_l1", "gate_reg_weight": 0.01, "weighting": "ema_inverse"}, "advanced": {"encoder_loss_weight": 0.03, "reconstruction_loss": "smooth_l1", "gate_reg_weight": 0.01, "weighting": "ema_inverse", "classification_loss": "focal", "focal_gamma": 2.0}}, "export": {"args": null}, "seed": 3}');
INSERT INTO "study_user_attributes" VALUES(9,1,'added_plans','[]');
INSERT INTO "study_user_attributes" VALUES(10,1,'population','{"asked": null, "most": 3}');
INSERT INTO "study_user_attributes" VALUES(11,1,'populations','{"cpu (x86_64)": {"size": 3, "fused": true, "gain": 1.85}}');
INSERT INTO "study_user_attributes" VALUES(12,1,'replicates','{"values": [0.8654095161340307, 0.8608223345188635, 0.8618751356112799], "epochs": 12}');
INSERT INTO "study_user_attributes" VALUES(13,1,'reference','{"val/weighted_f1": 0.8421095632962083, "test/weighted_f1": 0.8459633680519151}');
INSERT INTO "study_user_attributes" VALUES(14,1,'speeds','{"0": {"convergence/epochs_to_95": 2.0, "convergence/reached_95": 1.0}, "1": {"convergence/epochs_to_95": 2.0, "convergence/reached_95": 1.0}, "2": {"convergence/epochs_to_95": 2.0, "convergence/reached_95": 1.0}, "3": {"convergence/epochs_to_95": 2.0, "convergence/reached_95": 1.0}, "4": {"convergence/epochs_to_95": 2.0, "convergence/reached_95": 1.0}}');
INSERT INTO "study_user_attributes" VALUES(15,1,'diagnosis','[]');
INSERT INTO "study_user_attributes" VALUES(16,1,'finished_at','6');
INSERT INTO "study_user_attributes" VALUES(17,2,'mlflow','{"experiment_id": "2", "run_id": "0d8e2da64e2849d38f70e26cdd5d4cd9"}');
INSERT INTO "study_user_attributes" VALUES(18,2,'data_fingerprint','"d1c50a61432dbfbe"');
INSERT INTO "study_user_attributes" VALUES(19,2,'versions','{"tuner": "0.1.0", "python": "3.11.7", "torch": "2.13.0+cpu", "optuna": "5.0.0", "mlflow": "3.17.2", "scikit-learn": "1.9.1", "numpy": "2.4.6"}');
INSERT INTO "study_user_attributes" VALUES(20,2,'validation','{"spec": {"description": "The recommendation''s knobs on the embedded data, in a few minutes on a laptop.", "data": {"source": "htad", "path": null, "labels": 1.0}, "model": {"hidden": 64, "view_width": 32, "dropout": 0.4, "context": "auto", "context_layers": 1}, "training": {"epochs": 1, "batch_size": null, "learning_rate": 0.002, "weight_decay": 0.01, "clip_norm": 5.0, "schedule": "cosine", "early_stopping": null, "amp": false, "conflict_every": 10}, "command": null, "script": {"metrics": {}, "metrics_file": null, "directory": ".", "environment": {}, "time_limit": null, "grace": 10.0}, "objective": "val/weighted_f1", "direction": null, "search": {"trials": 6, "sampler": "tpe", "startup_trials": 10, "pruner": "rungs", "first_rung": 0.1, "reduction": 3.0, "min_peers": 4, "replicates": 3}, "knobs": {"encoder_loss_weight": {"low": 0.01, "high": 0.1, "log": true, "choices": null, "kind": null, "when": null}, "reconstruction_loss": {"low": null, "high": null, "log": false, "choices": ["mse", "smooth_l1"], "kind": null, "when": null}, "gate_reg_weight": {"low": 0.0, "high": 0.05, "log": false, "choices": null, "kind": null, "when": null}, "classification_loss": {"low": null, "high": null, "log": false, "choices": ["cross_entropy", "focal"], "kind": null, "when": null}, "focal_gamma": {"low": 0.5, "high": 4.0, "log": false, "choices": null, "kind": null, "when": null}, "weighting": {"low": null, "high": null, "log": false, "choices": ["fixed", "warmup", "ema_inverse"], "kind": null, "when": null}, "warmup_epochs": {"low": 1.0, "high": 10.0, "log": false, "choices": null, "kind": null, "when": null}}, "fixed": {}, "baseline": {}, "plans": {"basic": {"encoder_loss_weight": 0.03, "reconstruction_loss": "smooth_l1", "gate_reg_weight": 0.01}, "full": {"encoder_loss_weight": 0.03, "reconstruction_loss": "smooth_l1", "gate_reg_weight": 0.01, "weighting": "ema_inverse"}, "advanced": {"encoder_loss_weight": 0.03, "reconstruction_loss": "smooth_l1", "gate_reg_weight": 0.01, "weighting": "ema_inverse", "classification_loss": "focal", "focal_gamma": 2.0}}, "export": {"args": null}, "seed": 3}, "arms": {"baseline": {"encoder_loss_weight": 0.05, "reconstruction_loss": "mse", "gate_reg_weight": 0.01, "classification_loss": "cross_entropy", "focal_gamma": 0.0, "class_weights": "none", "contrastive_weight": 0.0, "weighting": "fixed"}, "best": {"encoder_loss_weight": 0.03, "reconstruction_loss": "smooth_l1", "smooth_l1_beta": 1.0, "gate_reg_weight": 0.01, "classification_loss": "focal", "focal_gamma": 2.0, "class_weights": "none", "contrastive_weight": 0.0, "weighting": "ema_inverse", "ema_momentum": 0.9, "ema_range": 10.0}}, "primary": "final_performance", "margin": 0.01, "claims": [], "seeds": 6, "until_decided": false, "doses": {}, "ladder": [], "factorial": null}');
INSERT INTO "study_user_attributes" VALUES(21,2,'population','{"asked": null, "most": 3}');
INSERT INTO "study_user_attributes" VALUES(22,2,'populations','{"cpu (x86_64)": {"size": 3, "fused": true, "gain": 1.85}}');
INSERT INTO "study_user_attributes" VALUES(23,1,'verdicts','[{"name": "validate-old-47133e44", "page": "#/experiments/2/runs/0d8e2da64e2849d38f70e26cdd5d4cd9/artifacts/report.html?workflowType=machine_learning", "sentences": ["best cannot be told from baseline yet: +0.0188 test weighted F1, 95% CI [+0.0019, +0.0358]; about 9 seeds would decide it."]}]');
CREATE TABLE trial_heartbeats (
	trial_heartbeat_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	heartbeat DATETIME NOT NULL, 
	PRIMARY KEY (trial_heartbeat_id), 
	UNIQUE (trial_id), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_intermediate_values (
	trial_intermediate_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	intermediate_value FLOAT, 
	intermediate_value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_intermediate_value_id), 
	UNIQUE (trial_id, step), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_intermediate_values" VALUES(1,1,1,7.74505470819142893823e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(2,2,1,7.74505470819142893823e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(3,3,1,7.79439328952125309868e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(4,1,2,8.40234769393213509758e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(5,2,2,8.43701023309333941746e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(6,3,2,8.40608727829817103938e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(7,1,3,8.72712563696084298037e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(8,2,3,8.58045140221162516702e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(9,3,3,0.861115562169535,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(10,1,4,0.869072054878629,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(11,2,4,8.6489139799039094214e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(12,3,4,8.61679810699838344412e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(13,4,1,7.83524681148592194723e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(14,5,1,7.85965916029474298554e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(15,6,1,7.7497875574364472051e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(16,4,2,8.52527789272413349941e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(17,5,2,0.851683563188885,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(18,6,2,8.43880032458871665035e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(19,4,3,8.76353939420872474208e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(20,5,3,8.69150413092172446916e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(21,4,4,8.6907046287473188606e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(22,5,4,8.69398449861763622514e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(23,7,1,1.0,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(24,8,1,1.0,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(25,9,1,1.0,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(26,10,1,1.0,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(27,11,1,1.0,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(28,12,1,1.0,'FINITE');
CREATE TABLE trial_params (
	param_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	param_name VARCHAR(512), 
	param_value FLOAT, 
	distribution_json TEXT, 
	PRIMARY KEY (param_id), 
	UNIQUE (trial_id, param_name), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_params" VALUES(1,1,'encoder_loss_weight',0.05,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.01, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(2,1,'reconstruction_loss',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["mse", "smooth_l1"]}}');
INSERT INTO "trial_params" VALUES(3,1,'gate_reg_weight',0.01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.05, "log": false}}');
INSERT INTO "trial_params" VALUES(4,1,'classification_loss',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["cross_entropy", "focal"]}}');
INSERT INTO "trial_params" VALUES(5,1,'weighting',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["fixed", "warmup", "ema_inverse"]}}');
INSERT INTO "trial_params" VALUES(6,2,'encoder_loss_weight',0.03,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.01, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(7,2,'reconstruction_loss',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["mse", "smooth_l1"]}}');
INSERT INTO "trial_params" VALUES(8,2,'gate_reg_weight',0.01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.05, "log": false}}');
INSERT INTO "trial_params" VALUES(9,2,'classification_loss',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["cross_entropy", "focal"]}}');
INSERT INTO "trial_params" VALUES(10,2,'weighting',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["fixed", "warmup", "ema_inverse"]}}');
INSERT INTO "trial_params" VALUES(11,3,'encoder_loss_weight',0.03,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.01, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(12,3,'reconstruction_loss',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["mse", "smooth_l1"]}}');
INSERT INTO "trial_params" VALUES(13,3,'gate_reg_weight',0.01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.05, "log": false}}');
INSERT INTO "trial_params" VALUES(14,3,'classification_loss',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["cross_entropy", "focal"]}}');
INSERT INTO "trial_params" VALUES(15,3,'weighting',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["fixed", "warmup", "ema_inverse"]}}');
INSERT INTO "trial_params" VALUES(16,4,'encoder_loss_weight',0.03,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.01, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(17,4,'reconstruction_loss',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["mse", "smooth_l1"]}}');
INSERT INTO "trial_params" VALUES(18,4,'gate_reg_weight',0.01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.05, "log": false}}');
INSERT INTO "trial_params" VALUES(19,4,'classification_loss',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["cross_entropy", "focal"]}}');
INSERT INTO "trial_params" VALUES(20,4,'focal_gamma',2.0,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.5, "high": 4.0, "log": false}}');
INSERT INTO "trial_params" VALUES(21,4,'weighting',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["fixed", "warmup", "ema_inverse"]}}');
INSERT INTO "trial_params" VALUES(22,5,'encoder_loss_weight',6.2395689718642469157e-02,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.01, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(23,5,'reconstruction_loss',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["mse", "smooth_l1"]}}');
INSERT INTO "trial_params" VALUES(24,5,'gate_reg_weight',8.00376716515999175882e-03,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.05, "log": false}}');
INSERT INTO "trial_params" VALUES(25,5,'classification_loss',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["cross_entropy", "focal"]}}');
INSERT INTO "trial_params" VALUES(26,5,'focal_gamma',7.82518991920403861328e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.5, "high": 4.0, "log": false}}');
INSERT INTO "trial_params" VALUES(27,5,'weighting',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["fixed", "warmup", "ema_inverse"]}}');
INSERT INTO "trial_params" VALUES(28,6,'encoder_loss_weight',3.4543793220902722918e-02,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.01, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(29,6,'reconstruction_loss',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["mse", "smooth_l1"]}}');
INSERT INTO "trial_params" VALUES(30,6,'gate_reg_weight',2.81095538748464823797e-02,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.05, "log": false}}');
INSERT INTO "trial_params" VALUES(31,6,'classification_loss',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["cross_entropy", "focal"]}}');
INSERT INTO "trial_params" VALUES(32,6,'focal_gamma',3.90855460289854361732e+00,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.5, "high": 4.0, "log": false}}');
INSERT INTO "trial_params" VALUES(33,6,'weighting',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["fixed", "warmup", "ema_inverse"]}}');
CREATE TABLE trial_system_attributes (
	trial_system_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_system_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_system_attributes" VALUES(1,1,'fixed_params','{"encoder_loss_weight": 0.05, "reconstruction_loss": "mse", "gate_reg_weight": 0.01, "classification_loss": "cross_entropy", "weighting": "fixed"}');
INSERT INTO "trial_system_attributes" VALUES(2,2,'fixed_params','{"encoder_loss_weight": 0.03, "reconstruction_loss": "smooth_l1", "gate_reg_weight": 0.01, "classification_loss": "cross_entropy", "weighting": "fixed"}');
INSERT INTO "trial_system_attributes" VALUES(3,3,'fixed_params','{"encoder_loss_weight": 0.03, "reconstruction_loss": "smooth_l1", "gate_reg_weight": 0.01, "classification_loss": "cross_entropy", "weighting": "ema_inverse"}');
INSERT INTO "trial_system_attributes" VALUES(4,4,'fixed_params','{"encoder_loss_weight": 0.03, "reconstruction_loss": "smooth_l1", "gate_reg_weight": 0.01, "classification_loss": "focal", "focal_gamma": 2.0, "weighting": "ema_inverse"}');
INSERT INTO "trial_system_attributes" VALUES(5,5,'fixed_params','{}');
INSERT INTO "trial_system_attributes" VALUES(6,6,'fixed_params','{}');
INSERT INTO "trial_system_attributes" VALUES(7,7,'fixed_params','{}');
INSERT INTO "trial_system_attributes" VALUES(8,8,'fixed_params','{}');
INSERT INTO "trial_system_attributes" VALUES(9,9,'fixed_params','{}');
INSERT INTO "trial_system_attributes" VALUES(10,10,'fixed_params','{}');
INSERT INTO "trial_system_attributes" VALUES(11,11,'fixed_params','{}');
INSERT INTO "trial_system_attributes" VALUES(12,12,'fixed_params','{}');
CREATE TABLE trial_user_attributes (
	trial_user_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_user_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_user_attributes" VALUES(1,1,'plan','"baseline"');
INSERT INTO "trial_user_attributes" VALUES(2,1,'overrides','{}');
INSERT INTO "trial_user_attributes" VALUES(3,2,'plan','"basic"');
INSERT INTO "trial_user_attributes" VALUES(4,2,'overrides','{}');
INSERT INTO "trial_user_attributes" VALUES(5,3,'plan','"full"');
INSERT INTO "trial_user_attributes" VALUES(6,3,'overrides','{}');
INSERT INTO "trial_user_attributes" VALUES(7,4,'plan','"advanced"');
INSERT INTO "trial_user_attributes" VALUES(8,4,'overrides','{}');
INSERT INTO "trial_user_attributes" VALUES(9,5,'overrides','{}');
INSERT INTO "trial_user_attributes" VALUES(10,6,'overrides','{}');
INSERT INTO "trial_user_attributes" VALUES(11,1,'worker','"vm-c6eb44:19826:485903:0:60"');
INSERT INTO "trial_user_attributes" VALUES(12,2,'worker','"vm-c6eb44:19826:485903:1:60"');
INSERT INTO "trial_user_attributes" VALUES(13,3,'worker','"vm-c6eb44:19826:485903:2:60"');
INSERT INTO "trial_user_attributes" VALUES(14,1,'run_id','"dcf5076bec44459aa40742e4795dfe0a"');
INSERT INTO "trial_user_attributes" VALUES(15,1,'config','{"encoder_loss_weight": 0.05, "reconstruction_loss": "mse", "gate_reg_weight": 0.01, "classification_loss": "cross_entropy", "focal_gamma": 0.0, "class_weights": "none", "contrastive_weight": 0.0, "weighting": "fixed"}');
INSERT INTO "trial_user_attributes" VALUES(16,1,'name','"#0 w=0.05 mse gate=0.01 (baseline)"');
INSERT INTO "trial_user_attributes" VALUES(17,2,'run_id','"8dec40d27b2b4261b88ba14f5997e916"');
INSERT INTO "trial_user_attributes" VALUES(18,2,'config','{"encoder_loss_weight": 0.03, "reconstruction_loss": "smooth_l1", "smooth_l1_beta": 1.0, "gate_reg_weight": 0.01, "classification_loss": "cross_entropy", "focal_gamma": 0.0, "class_weights": "none", "contrastive_weight": 0.0, "weighting": "fixed"}');
INSERT INTO "trial_user_attributes" VALUES(19,2,'name','"#1 w=0.03 smooth_l1 gate=0.01 (basic)"');
INSERT INTO "trial_user_attributes" VALUES(20,3,'run_id','"2de6d69e990144f1a6f190fa1219376e"');
INSERT INTO "trial_user_attributes" VALUES(21,3,'config','{"encoder_loss_weight": 0.03, "reconstruction_loss": "smooth_l1", "smooth_l1_beta": 1.0, "gate_reg_weight": 0.01, "classification_loss": "cross_entropy", "focal_gamma": 0.0, "class_weights": "none", "contrastive_weight": 0.0, "weighting": "ema_inverse", "ema_momentum": 0.9, "ema_range": 10.0}');
INSERT INTO "trial_user_attributes" VALUES(22,3,'name','"#2 w=0.03 smooth_l1 gate=0.01 ema_inverse (full)"');
INSERT INTO "trial_user_attributes" VALUES(23,1,'lease','3');
INSERT INTO "trial_user_attributes" VALUES(24,2,'lease','3');
INSERT INTO "trial_user_attributes" VALUES(25,3,'lease','3');
INSERT INTO "trial_user_attributes" VALUES(26,1,'epochs_beyond','6');
INSERT INTO "trial_user_attributes" VALUES(27,1,'replicates','{"1": [0.8654095161340307, 4], "2": [0.8608223345188635, 4], "3": [0.8618751356112799, 4]}');
INSERT INTO "trial_user_attributes" VALUES(28,1,'result','{"epochs": 4, "best_epoch": 3, "reason": "", "test": {"test/cross_entropy": 0.381227, "test/mse": 0.62536, "test/mae": 0.560145, "test/weighted_f1": 0.859169, "test/macro_f1": 0.84875, "test/accuracy": 0.859206, "test_f1/brush_teeth": 0.818182, "test_f1/eat_chips": 0.964286, "test_f1/mop_floor": 0.685714, "test_f1/sweep": 0.734177, "test_f1/type_on_keyboard": 0.986301, "test_f1/wash_hands": 0.788732, "test_f1/watch_tv": 0.963855}, "measures": {"convergence/area": 0.844912, "convergence/naive_final_loss": 0.531011, "convergence/gradient_cv": 0.206011, "convergence/explosion_share": 0.0, "convergence/clipped_share": 0.0, "convergence/overfit_gap": -0.116198, "convergence/conflict_cosine": 0.0349238}, "curves": {"weighted/total": [1.5327, 0.76791, 0.61608, 0.53101], "grad/norm_mean": [2.8828, 2.893, 2.6923, 2.4771], "train/cross_entropy": [0.59934, 0.36999, 0.30483, 0.29648], "train/weighted_f1": [0.79526, 0.89707, 0.90878, 0.90986], "val/cross_entropy": [0.66253, 0.46098, 0.41209, 0.41267], "val/mse": [0.70624, 0.58207, 0.55235, 0.54783], "val/weighted_f1": [0.77451, 0.84023, 0.87271, 0.86907]}}');
INSERT INTO "trial_user_attributes" VALUES(29,1,'epochs','4');
INSERT INTO "trial_user_attributes" VALUES(30,1,'best_epoch','3');
INSERT INTO "trial_user_attributes" VALUES(31,1,'test/weighted_f1','0.859169');
INSERT INTO "trial_user_attributes" VALUES(32,2,'result','{"epochs": 4, "best_epoch": 4, "reason": "", "test": {"test/cross_entropy": 0.373537, "test/mse": 0.631958, "test/mae": 0.55808, "test/weighted_f1": 0.862517, "test/macro_f1": 0.85243, "test/accuracy": 0.862816, "test_f1/brush_teeth": 0.818182, "test_f1/eat_chips": 0.964286, "test_f1/mop_floor": 0.695652, "test_f1/sweep": 0.75, "test_f1/type_on_keyboard": 0.986301, "test_f1/wash_hands": 0.788732, "test_f1/watch_tv": 0.963855}, "measures": {"convergence/area": 0.840482, "convergence/naive_final_loss": 0.485464, "convergence/gradient_cv": 0.207871, "convergence/explosion_share": 0.0, "convergence/clipped_share": 0.0, "convergence/overfit_gap": -0.116888, "convergence/conflict_cosine": 0.0416067}, "curves": {"weighted/total": [1.4614, 0.71635, 0.5707, 0.48546], "grad/norm_mean": [2.88, 2.9152, 2.6982, 2.4736], "train/cross_entropy": [0.59787, 0.36798, 0.30329, 0.29434], "train/weighted_f1": [0.79995, 0.89715, 0.9076, 0.9122], "val/cross_entropy": [0.66094, 0.45879, 0.41117, 0.41122], "val/mse": [0.71305, 0.5914, 0.56039, 0.55577], "val/weighted_f1": [0.77451, 0.8437, 0.85805, 0.86489]}}');
INSERT INTO "trial_user_attributes" VALUES(33,2,'epochs','4');
INSERT INTO "trial_user_attributes" VALUES(34,2,'best_epoch','4');
INSERT INTO "trial_user_attributes" VALUES(35,2,'test/weighted_f1','0.862517');
INSERT INTO "trial_user_attributes" VALUES(36,3,'result','{"epochs": 4, "best_epoch": 4, "reason": "", "test": {"test/cross_entropy": 0.3741, "test/mse": 0.647452, "test/mae": 0.565784, "test/weighted_f1": 0.86294, "test/macro_f1": 0.852894, "test/accuracy": 0.862816, "test_f1/brush_teeth": 0.818182, "test_f1/eat_chips": 0.964286, "test_f1/mop_floor": 0.714286, "test_f1/sweep": 0.740741, "test_f1/type_on_keyboard": 0.986301, "test_f1/wash_hands": 0.782609, "test_f1/watch_tv": 0.963855}, "measures": {"convergence/area": 0.840761, "convergence/naive_final_loss": 0.482895, "convergence/gradient_cv": 0.205175, "convergence/explosion_share": 0.0, "convergence/clipped_share": 0.0, "convergence/overfit_gap": -0.115314, "convergence/conflict_cosine": 0.0368921}, "curves": {"weighted/total": [1.4837, 0.72011, 0.57072, 0.4829], "grad/norm_mean": [2.8805, 2.913, 2.7052, 2.4797], "train/cross_entropy": [0.59935, 0.36894, 0.30377, 0.29496], "train/weighted_f1": [0.78908, 0.89471, 0.91121, 0.91585], "val/cross_entropy": [0.66073, 0.45916, 0.40983, 0.41027], "val/mse": [0.71331, 0.60621, 0.57573, 0.57207], "val/weighted_f1": [0.77944, 0.84061, 0.86112, 0.86168]}}');
INSERT INTO "trial_user_attributes" VALUES(37,3,'epochs','4');
INSERT INTO "trial_user_attributes" VALUES(38,3,'best_epoch','4');
INSERT INTO "trial_user_attributes" VALUES(39,3,'test/weighted_f1','0.86294');
INSERT INTO "trial_user_attributes" VALUES(40,4,'worker','"vm-c6eb44:19826:485903:3:60"');
INSERT INTO "trial_user_attributes" VALUES(41,5,'worker','"vm-c6eb44:19826:485903:4:60"');
INSERT INTO "trial_user_attributes" VALUES(42,6,'worker','"vm-c6eb44:19826:485903:5:60"');
INSERT INTO "trial_user_attributes" VALUES(43,4,'run_id','"a9b1180f292d4da582b859bed507e2e8"');
INSERT INTO "trial_user_attributes" VALUES(44,4,'config','{"encoder_loss_weight": 0.03, "reconstruction_loss": "smooth_l1", "smooth_l1_beta": 1.0, "gate_reg_weight": 0.01, "classification_loss": "focal", "focal_gamma": 2.0, "class_weights": "none", "contrastive_weight": 0.0, "weighting": "ema_inverse", "ema_momentum": 0.9, "ema_range": 10.0}');
INSERT INTO "trial_user_attributes" VALUES(45,4,'name','"#3 w=0.03 smooth_l1 gate=0.01 focal=2 ema_inverse (advanced)"');
INSERT INTO "trial_user_attributes" VALUES(46,5,'run_id','"5edac46306c94d109c8ebfbe3eb119c6"');
INSERT INTO "trial_user_attributes" VALUES(47,5,'config','{"encoder_loss_weight": 0.06239568971864247, "reconstruction_loss": "mse", "gate_reg_weight": 0.008003767165159992, "classification_loss": "focal", "focal_gamma": 0.7825189919204039, "class_weights": "none", "contrastive_weight": 0.0, "weighting": "ema_inverse", "ema_momentum": 0.9, "ema_range": 10.0}');
INSERT INTO "trial_user_attributes" VALUES(48,5,'name','"#4 w=0.0624 mse gate=0.008 focal=0.783 ema_inverse"');
INSERT INTO "trial_user_attributes" VALUES(49,6,'run_id','"875ca83c8f0643dea16c730be40e8e68"');
INSERT INTO "trial_user_attributes" VALUES(50,6,'config','{"encoder_loss_weight": 0.03454379322090272, "reconstruction_loss": "mse", "gate_reg_weight": 0.028109553874846482, "classification_loss": "focal", "focal_gamma": 3.9085546028985436, "class_weights": "none", "contrastive_weight": 0.0, "weighting": "ema_inverse", "ema_momentum": 0.9, "ema_range": 10.0}');
INSERT INTO "trial_user_attributes" VALUES(51,6,'name','"#5 w=0.0345 mse gate=0.0281 focal=3.91 ema_inverse"');
INSERT INTO "trial_user_attributes" VALUES(52,6,'result','{"epochs": 2, "best_epoch": 2, "reason": "not among the best 1 in 3 at epoch 2", "test": {}, "measures": {}, "curves": {"weighted/total": [0.69035, 0.27289], "grad/norm_mean": [2.9018, 2.1502], "train/cross_entropy": [0.76881, 0.57465], "train/weighted_f1": [0.78955, 0.88517], "val/cross_entropy": [0.81994, 0.63228], "val/mse": [0.75632, 0.64012], "val/weighted_f1": [0.77498, 0.84388]}}');
INSERT INTO "trial_user_attributes" VALUES(53,6,'epochs','2');
INSERT INTO "trial_user_attributes" VALUES(54,6,'best_epoch','2');
INSERT INTO "trial_user_attributes" VALUES(55,6,'reason','"not among the best 1 in 3 at epoch 2"');
INSERT INTO "trial_user_attributes" VALUES(56,4,'lease','4');
INSERT INTO "trial_user_attributes" VALUES(57,5,'lease','4');
INSERT INTO "trial_user_attributes" VALUES(58,4,'result','{"epochs": 4, "best_epoch": 3, "reason": "", "test": {"test/cross_entropy": 0.484879, "test/mse": 0.664408, "test/mae": 0.575009, "test/weighted_f1": 0.852531, "test/macro_f1": 0.842381, "test/accuracy": 0.851986, "test_f1/brush_teeth": 0.80597, "test_f1/eat_chips": 0.955752, "test_f1/mop_floor": 0.694444, "test_f1/sweep": 0.708861, "test_f1/type_on_keyboard": 0.986301, "test_f1/wash_hands": 0.794118, "test_f1/watch_tv": 0.95122}, "measures": {"convergence/area": 0.851726, "convergence/naive_final_loss": 0.252673, "convergence/gradient_cv": 0.271895, "convergence/explosion_share": 0.0, "convergence/clipped_share": 0.0, "convergence/overfit_gap": -0.0853586, "convergence/conflict_cosine": 0.0234577}, "curves": {"weighted/total": [0.96926, 0.40214, 0.30821, 0.25267], "grad/norm_mean": [3.0972, 2.5249, 2.2981, 2.0838], "train/cross_entropy": [0.67798, 0.46652, 0.41217, 0.40028], "train/weighted_f1": [0.78852, 0.90302, 0.91476, 0.91104], "val/cross_entropy": [0.73524, 0.53447, 0.49255, 0.48564], "val/mse": [0.72221, 0.6201, 0.58848, 0.58477], "val/weighted_f1": [0.78352, 0.85253, 0.87635, 0.86907]}}');
INSERT INTO "trial_user_attributes" VALUES(59,4,'epochs','4');
INSERT INTO "trial_user_attributes" VALUES(60,4,'best_epoch','3');
INSERT INTO "trial_user_attributes" VALUES(61,4,'test/weighted_f1','0.852531');
INSERT INTO "trial_user_attributes" VALUES(62,5,'result','{"epochs": 4, "best_epoch": 4, "reason": "", "test": {"test/cross_entropy": 0.412591, "test/mse": 0.645065, "test/mae": 0.570583, "test/weighted_f1": 0.859232, "test/macro_f1": 0.849046, "test/accuracy": 0.859206, "test_f1/brush_teeth": 0.818182, "test_f1/eat_chips": 0.964286, "test_f1/mop_floor": 0.704225, "test_f1/sweep": 0.717949, "test_f1/type_on_keyboard": 0.986301, "test_f1/wash_hands": 0.8, "test_f1/watch_tv": 0.952381}, "measures": {"convergence/area": 0.849505, "convergence/naive_final_loss": 0.369508, "convergence/gradient_cv": 0.222429, "convergence/explosion_share": 0.0, "convergence/clipped_share": 0.0, "convergence/overfit_gap": -0.101262, "convergence/conflict_cosine": 0.0353627}, "curves": {"weighted/total": [1.2804, 0.56933, 0.4491, 0.36951], "grad/norm_mean": [3.0651, 2.8066, 2.5761, 2.3388], "train/cross_entropy": [0.62615, 0.40353, 0.34213, 0.33182], "train/weighted_f1": [0.78932, 0.90315, 0.90985, 0.91092], "val/cross_entropy": [0.68613, 0.48343, 0.43743, 0.43308], "val/mse": [0.7124, 0.6037, 0.57506, 0.57174], "val/weighted_f1": [0.78597, 0.85168, 0.86915, 0.8694]}}');
INSERT INTO "trial_user_attributes" VALUES(63,5,'epochs','4');
INSERT INTO "trial_user_attributes" VALUES(64,5,'best_epoch','4');
INSERT INTO "trial_user_attributes" VALUES(65,5,'test/weighted_f1','0.859232');
INSERT INTO "trial_user_attributes" VALUES(66,7,'block','0');
INSERT INTO "trial_user_attributes" VALUES(67,7,'attempt','1');
INSERT INTO "trial_user_attributes" VALUES(68,8,'block','1');
INSERT INTO "trial_user_attributes" VALUES(69,8,'attempt','1');
INSERT INTO "trial_user_attributes" VALUES(70,9,'block','2');
INSERT INTO "trial_user_attributes" VALUES(71,9,'attempt','1');
INSERT INTO "trial_user_attributes" VALUES(72,10,'block','3');
INSERT INTO "trial_user_attributes" VALUES(73,10,'attempt','1');
INSERT INTO "trial_user_attributes" VALUES(74,11,'block','4');
INSERT INTO "trial_user_attributes" VALUES(75,11,'attempt','1');
INSERT INTO "trial_user_attributes" VALUES(76,12,'block','5');
INSERT INTO "trial_user_attributes" VALUES(77,12,'attempt','1');
INSERT INTO "trial_user_attributes" VALUES(78,7,'worker','"vm-c6eb44:24924:545717:0:60"');
INSERT INTO "trial_user_attributes" VALUES(79,7,'arms','{"baseline": {"state": "complete", "best_epoch": 1, "test": {"test/cross_entropy": 1.0777226527245036, "test/mse": 0.8325831003567802, "test/mae": 0.6782409447625226, "test/weighted_f1": 0.7147805799224733, "test/macro_f1": 0.7100923475697464, "test/accuracy": 0.7220216606498195}, "curves": {"val/weighted_f1": [0.747128], "val/cross_entropy": [1.04368], "train/cross_entropy": [1.03337], "weighted/total": [1.59358], "val/mse": [0.868533]}, "effective_weight": 0.010804735744992891, "minority_f1": 0.6847545219638242, "gradient_cv": 0.0751306779904286, "gradient_sd": 0.2011624502850767, "explosion_share": 0.0, "gate_saturation": 0.009457731648616125}, "best": {"state": "complete", "best_epoch": 1, "test": {"test/cross_entropy": 1.1193129336360559, "test/mse": 0.8587003081283845, "test/mae": 0.6844394284465253, "test/weighted_f1": 0.706284028778818, "test/macro_f1": 0.6951264501316731, "test/accuracy": 0.7148014440433214}, "curves": {"val/weighted_f1": [0.787268], "val/cross_entropy": [1.09253], "train/cross_entropy": [1.07976], "weighted/total": [1.00739], "val/mse": [0.898408]}, "effective_weight": 0.002922125277109444, "minority_f1": 0.6924542682926829, "gradient_cv": 0.12834681376537793, "gradient_sd": 0.3713610153602696, "explosion_share": 0.0, "gate_saturation": 0.0015042117930204573}, "null": {"state": "complete", "best_epoch": 1, "test": {"test/cross_entropy": 1.055392378934454, "test/mse": 0.8361144358500677, "test/mae": 0.6796503170302629, "test/weighted_f1": 0.6888718313974037, "test/macro_f1": 0.6791360161037412, "test/accuracy": 0.7148014440433214}, "curves": {"val/weighted_f1": [0.743379], "val/cross_entropy": [1.04061], "train/cross_entropy": [1.03261], "weighted/total": [1.58752], "val/mse": [0.872696]}, "effective_weight": 0.013582926398764053, "minority_f1": 0.7597222222222222, "gradient_cv": 0.09233907082001037, "gradient_sd": 0.24737283318520284, "explosion_share": 0.0, "gate_saturation": 0.008066335740072202}}');
INSERT INTO "trial_user_attributes" VALUES(80,8,'worker','"vm-c6eb44:24924:545717:1:60"');
INSERT INTO "trial_user_attributes" VALUES(81,8,'arms','{"baseline": {"state": "complete", "best_epoch": 1, "test": {"test/cross_entropy": 1.0475586157843524, "test/mse": 0.8932714909853058, "test/mae": 0.7065637912130528, "test/weighted_f1": 0.7124098363170344, "test/macro_f1": 0.7052537674246083, "test/accuracy": 0.7509025270758123}, "curves": {"val/weighted_f1": [0.715836], "val/cross_entropy": [1.04023], "train/cross_entropy": [1.03643], "weighted/total": [1.6166], "val/mse": [0.863422]}, "effective_weight": 0.009964769938960671, "minority_f1": 0.8029920692141312, "gradient_cv": 0.0842689780454961, "gradient_sd": 0.24201461527154605, "explosion_share": 0.0, "gate_saturation": 0.00045126353790613715}, "best": {"state": "complete", "best_epoch": 1, "test": {"test/cross_entropy": 1.1021221725518953, "test/mse": 0.9073806927952955, "test/mae": 0.7069885033562726, "test/weighted_f1": 0.7347452157257617, "test/macro_f1": 0.7278582803015994, "test/accuracy": 0.7653429602888087}, "curves": {"val/weighted_f1": [0.73925], "val/cross_entropy": [1.09391], "train/cross_entropy": [1.09136], "weighted/total": [1.03028], "val/mse": [0.876821]}, "effective_weight": 0.002243859130733957, "minority_f1": 0.7993762993762994, "gradient_cv": 0.1406126061796588, "gradient_sd": 0.43979425576156606, "explosion_share": 0.0, "gate_saturation": 0.0}, "null": {"state": "complete", "best_epoch": 1, "test": {"test/cross_entropy": 0.9539550340562951, "test/mse": 0.8850239777823218, "test/mae": 0.7029055378497292, "test/weighted_f1": 0.7435612494357018, "test/macro_f1": 0.7352676113847885, "test/accuracy": 0.7689530685920578}, "curves": {"val/weighted_f1": [0.719661], "val/cross_entropy": [0.967822], "train/cross_entropy": [0.960116], "weighted/total": [1.55198], "val/mse": [0.85503]}, "effective_weight": 0.007937761178861061, "minority_f1": 0.7776976688296082, "gradient_cv": 0.09515018204794291, "gradient_sd": 0.26898538866515653, "explosion_share": 0.0, "gate_saturation": 0.0018050541516245486}}');
INSERT INTO "trial_user_attributes" VALUES(82,9,'worker','"vm-c6eb44:24924:545717:2:60"');
INSERT INTO "trial_user_attributes" VALUES(83,9,'lease','1');
INSERT INTO "trial_user_attributes" VALUES(84,9,'arms','{"baseline": {"state": "complete", "best_epoch": 1, "test": {"test/cross_entropy": 1.081502315369754, "test/mse": 0.9354785685074458, "test/mae": 0.7055426091493683, "test/weighted_f1": 0.6549108047931922, "test/macro_f1": 0.6395306408696143, "test/accuracy": 0.6750902527075813}, "curves": {"val/weighted_f1": [0.72211], "val/cross_entropy": [1.01782], "train/cross_entropy": [1.00834], "weighted/total": [1.5857], "val/mse": [0.895491]}, "effective_weight": 0.010157141834497452, "minority_f1": 0.7246772591857, "gradient_cv": 0.08405408632922703, "gradient_sd": 0.23855031466876497, "explosion_share": 0.0, "gate_saturation": 0.009420126353790614}, "best": {"state": "complete", "best_epoch": 1, "test": {"test/cross_entropy": 1.1331630665472698, "test/mse": 0.9651308576122518, "test/mae": 0.711480206100519, "test/weighted_f1": 0.6905344681239962, "test/macro_f1": 0.6775623845972539, "test/accuracy": 0.7003610108303249}, "curves": {"val/weighted_f1": [0.750899], "val/cross_entropy": [1.06954], "train/cross_entropy": [1.05856], "weighted/total": [1.00009], "val/mse": [0.924972]}, "effective_weight": 0.002797769343790909, "minority_f1": 0.7462406015037594, "gradient_cv": 0.12633648126168273, "gradient_sd": 0.38867203077189, "explosion_share": 0.0, "gate_saturation": 0.002181107099879663}, "null": {"state": "complete", "best_epoch": 1, "test": {"test/cross_entropy": 1.0945629574331566, "test/mse": 0.9316082345019179, "test/mae": 0.70345893061118, "test/weighted_f1": 0.7044291297145641, "test/macro_f1": 0.6895773233027285, "test/accuracy": 0.7184115523465704}, "curves": {"val/weighted_f1": [0.749645], "val/cross_entropy": [1.03821], "train/cross_entropy": [1.03085], "weighted/total": [1.61142], "val/mse": [0.891059]}, "effective_weight": 0.010178154722476998, "minority_f1": 0.7166238767650834, "gradient_cv": 0.08019317754118695, "gradient_sd": 0.22505139649953246, "explosion_share": 0.0, "gate_saturation": 0.011450812274368232}}');
INSERT INTO "trial_user_attributes" VALUES(85,10,'worker','"vm-c6eb44:24924:545717:3:60"');
INSERT INTO "trial_user_attributes" VALUES(86,10,'arms','{"baseline": {"state": "complete", "best_epoch": 1, "test": {"test/cross_entropy": 0.9805485143558214, "test/mse": 0.7867133626008292, "test/mae": 0.6654538591846232, "test/weighted_f1": 0.6755083579840528, "test/macro_f1": 0.6573403517855346, "test/accuracy": 0.7075812274368231}, "curves": {"val/weighted_f1": [0.719975], "val/cross_entropy": [0.914522], "train/cross_entropy": [0.884329], "weighted/total": [1.48581], "val/mse": [0.890705]}, "effective_weight": 0.009061171129966775, "minority_f1": 0.7492517006802721, "gradient_cv": 0.1079456743760892, "gradient_sd": 0.3095433509918822, "explosion_share": 0.0, "gate_saturation": 0.004681859205776173}, "best": {"state": "complete", "best_epoch": 1, "test": {"test/cross_entropy": 1.0405068518022338, "test/mse": 0.8018628061893615, "test/mae": 0.6672049842586586, "test/weighted_f1": 0.6958487340802739, "test/macro_f1": 0.6778990440886936, "test/accuracy": 0.7184115523465704}, "curves": {"val/weighted_f1": [0.768029], "val/cross_entropy": [0.982312], "train/cross_entropy": [0.952127], "weighted/total": [0.924231], "val/mse": [0.911567]}, "effective_weight": 0.002298879475953678, "minority_f1": 0.7541963015647226, "gradient_cv": 0.15669513938173682, "gradient_sd": 0.4772833509630988, "explosion_share": 0.0, "gate_saturation": 0.00078971119133574}, "null": {"state": "complete", "best_epoch": 1, "test": {"test/cross_entropy": 0.9460118703463448, "test/mse": 0.7855271432373928, "test/mae": 0.6660344092854524, "test/weighted_f1": 0.7072746336304835, "test/macro_f1": 0.6902295393417697, "test/accuracy": 0.7256317689530686}, "curves": {"val/weighted_f1": [0.737617], "val/cross_entropy": [0.88886], "train/cross_entropy": [0.847647], "weighted/total": [1.45922], "val/mse": [0.884768]}, "effective_weight": 0.008799597155302763, "minority_f1": 0.7594562647754137, "gradient_cv": 0.08475175993328714, "gradient_sd": 0.24440518295193164, "explosion_share": 0.0, "gate_saturation": 0.004663056558363418}}');
INSERT INTO "trial_user_attributes" VALUES(87,11,'worker','"vm-c6eb44:24924:545717:4:60"');
INSERT INTO "trial_user_attributes" VALUES(88,11,'arms','{"baseline": {"state": "complete", "best_epoch": 1, "test": {"test/cross_entropy": 0.9659368742243908, "test/mse": 0.8479825787595894, "test/mae": 0.6846999846640907, "test/weighted_f1": 0.7541408643839818, "test/macro_f1": 0.7416127801596615, "test/accuracy": 0.7725631768953068}, "curves": {"val/weighted_f1": [0.758799], "val/cross_entropy": [0.924553], "train/cross_entropy": [0.91684], "weighted/total": [1.51338], "val/mse": [0.90607]}, "effective_weight": 0.009580609776700536, "minority_f1": 0.7907042253521127, "gradient_cv": 0.09511052503342433, "gradient_sd": 0.27642105191559885, "explosion_share": 0.0, "gate_saturation": 0.00157942238267148}, "best": {"state": "complete", "best_epoch": 1, "test": {"test/cross_entropy": 1.0149998854213673, "test/mse": 0.8733236264666066, "test/mae": 0.6904798156517937, "test/weighted_f1": 0.7646536022731342, "test/macro_f1": 0.7537940740205858, "test/accuracy": 0.776173285198556}, "curves": {"val/weighted_f1": [0.782028], "val/cross_entropy": [0.976593], "train/cross_entropy": [0.969303], "weighted/total": [0.925469], "val/mse": [0.933995]}, "effective_weight": 0.002654569184718033, "minority_f1": 0.7897959183673469, "gradient_cv": 0.1381817460109781, "gradient_sd": 0.43039475286572637, "explosion_share": 0.0, "gate_saturation": 0.0}, "null": {"state": "complete", "best_epoch": 1, "test": {"test/cross_entropy": 0.9752993807465591, "test/mse": 0.8373840552374774, "test/mae": 0.6823046852965647, "test/weighted_f1": 0.710134937654345, "test/macro_f1": 0.697570783731621, "test/accuracy": 0.7364620938628159}, "curves": {"val/weighted_f1": [0.744629], "val/cross_entropy": [0.948279], "train/cross_entropy": [0.941341], "weighted/total": [1.5203], "val/mse": [0.894679]}, "effective_weight": 0.008659435125688711, "minority_f1": 0.7808929045973957, "gradient_cv": 0.0803554797721549, "gradient_sd": 0.22752385021783, "explosion_share": 0.0, "gate_saturation": 0.004136582430806258}}');
INSERT INTO "trial_user_attributes" VALUES(89,12,'worker','"vm-c6eb44:24924:545717:5:60"');
INSERT INTO "trial_user_attributes" VALUES(90,12,'lease','2');
INSERT INTO "trial_user_attributes" VALUES(91,12,'arms','{"baseline": {"state": "complete", "best_epoch": 1, "test": {"test/cross_entropy": 0.9374537278598827, "test/mse": 0.9886816141837771, "test/mae": 0.7215962323901456, "test/weighted_f1": 0.7198047091945386, "test/macro_f1": 0.7056525502097907, "test/accuracy": 0.7472924187725631}, "curves": {"val/weighted_f1": [0.725456], "val/cross_entropy": [0.946923], "train/cross_entropy": [0.945153], "weighted/total": [1.53541], "val/mse": [0.889108]}, "effective_weight": 0.007844465163846811, "minority_f1": 0.812206572769953, "gradient_cv": 0.08229321083669947, "gradient_sd": 0.24274633591880776, "explosion_share": 0.0, "gate_saturation": 0.003779332129963899}, "best": {"state": "complete", "best_epoch": 1, "test": {"test/cross_entropy": 0.9938668481709725, "test/mse": 1.0162014186597472, "test/mae": 0.7278830187415388, "test/weighted_f1": 0.7524501854131131, "test/macro_f1": 0.7372804850577026, "test/accuracy": 0.7689530685920578}, "curves": {"val/weighted_f1": [0.77217], "val/cross_entropy": [1.00233], "train/cross_entropy": [0.999778], "weighted/total": [0.95136], "val/mse": [0.915564]}, "effective_weight": 0.002037131479786088, "minority_f1": 0.8051890289103039, "gradient_cv": 0.12618455541169643, "gradient_sd": 0.39578702244450387, "explosion_share": 0.0, "gate_saturation": 3.760529482551143e-05}, "null": {"state": "complete", "best_epoch": 1, "test": {"test/cross_entropy": 0.892730712890625, "test/mse": 0.9726718943902302, "test/mae": 0.7135931903274481, "test/weighted_f1": 0.7381318012502072, "test/macro_f1": 0.7224229556629611, "test/accuracy": 0.7725631768953068}, "curves": {"val/weighted_f1": [0.730893], "val/cross_entropy": [0.903782], "train/cross_entropy": [0.902804], "weighted/total": [1.52399], "val/mse": [0.874123]}, "effective_weight": 0.009160067342842618, "minority_f1": 0.8061111111111111, "gradient_cv": 0.09060183076017689, "gradient_sd": 0.26185132103141756, "explosion_share": 0.0, "gate_saturation": 0.008762033694344164}}');
CREATE TABLE trial_values (
	trial_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	value FLOAT, 
	value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_value_id), 
	UNIQUE (trial_id, objective), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_values" VALUES(1,1,0,8.72712563696084298037e-01,'FINITE');
INSERT INTO "trial_values" VALUES(2,2,0,8.6489139799039094214e-01,'FINITE');
INSERT INTO "trial_values" VALUES(3,3,0,8.61679810699838344412e-01,'FINITE');
INSERT INTO "trial_values" VALUES(4,6,0,8.43880032458871665035e-01,'FINITE');
INSERT INTO "trial_values" VALUES(5,4,0,8.76353939420872474208e-01,'FINITE');
INSERT INTO "trial_values" VALUES(6,5,0,8.69398449861763622514e-01,'FINITE');
INSERT INTO "trial_values" VALUES(7,7,0,1.07772265272450362694e+00,'FINITE');
INSERT INTO "trial_values" VALUES(8,8,0,1.04755861578435238712e+00,'FINITE');
INSERT INTO "trial_values" VALUES(9,9,0,1.08150231536975405255e+00,'FINITE');
INSERT INTO "trial_values" VALUES(10,10,0,9.80548514355821354548e-01,'FINITE');
INSERT INTO "trial_values" VALUES(11,11,0,9.65936874224390784604e-01,'FINITE');
INSERT INTO "trial_values" VALUES(12,12,0,9.37453727859882679496e-01,'FINITE');
CREATE TABLE trials (
	trial_id INTEGER NOT NULL, 
	number INTEGER, 
	study_id INTEGER, 
	state VARCHAR(8) NOT NULL, 
	datetime_start DATETIME, 
	datetime_complete DATETIME, 
	PRIMARY KEY (trial_id), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "trials" VALUES(1,0,1,'COMPLETE','2026-12-01 03:08:25.097987','2026-12-01 03:09:07.058524');
INSERT INTO "trials" VALUES(2,1,1,'COMPLETE','2026-12-01 03:08:25.331724','2026-12-01 03:09:07.568272');
INSERT INTO "trials" VALUES(3,2,1,'COMPLETE','2026-12-01 03:08:25.448914','2026-12-01 03:09:08.144472');
INSERT INTO "trials" VALUES(4,3,1,'COMPLETE','2026-12-01 03:09:08.233335','2026-12-01 03:09:31.048068');
INSERT INTO "trials" VALUES(5,4,1,'COMPLETE','2026-12-01 03:09:08.314227','2026-12-01 03:09:31.684127');
INSERT INTO "trials" VALUES(6,5,1,'PRUNED','2026-12-01 03:09:08.408695','2026-12-01 03:09:18.795932');
INSERT INTO "trials" VALUES(7,0,2,'COMPLETE','2026-12-01 03:18:15.189914','2026-12-01 03:18:21.878278');
INSERT INTO "trials" VALUES(8,1,2,'COMPLETE','2026-12-01 03:18:22.024709','2026-12-01 03:18:28.707032');
INSERT INTO "trials" VALUES(9,2,2,'COMPLETE','2026-12-01 03:18:28.852322','2026-12-01 03:18:34.308060');
INSERT INTO "trials" VALUES(10,3,2,'COMPLETE','2026-12-01 03:18:34.391904','2026-12-01 03:18:39.659876');
INSERT INTO "trials" VALUES(11,4,2,'COMPLETE','2026-12-01 03:18:39.878454','2026-12-01 03:18:44.806168');
INSERT INTO "trials" VALUES(12,5,2,'COMPLETE','2026-12-01 03:18:44.952925','2026-12-01 03:18:50.236000');
CREATE TABLE version_info (
	version_info_id INTEGER NOT NULL, 
	schema_version INTEGER, 
	library_version VARCHAR(256), 
	PRIMARY KEY (version_info_id), 
	CHECK (version_info_id=1)
);
INSERT INTO "version_info" VALUES(1,12,'5.0.0');
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
CREATE INDEX ix_trials_study_id ON trials (study_id);
COMMIT;

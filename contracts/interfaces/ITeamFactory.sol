// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Publication} from "./IAssetRegistry.sol";
import {Share} from "./ISplitterFactory.sol";

/// @dev People who own assets together.
struct Team {
    /// Owners of the Safe.
    address[] owners;
    /// How many of them must sign.
    uint256 threshold;
    /// Who receives which share of the revenue; empty to leave it with the Safe.
    Share[] shares;
    /// Tells teams of the same people apart.
    uint256 saltNonce;
}

/// @title TeamFactory: a Safe, a splitter and, if wanted, a first asset in one transaction.
/// @dev The Safe is the published one, made by its own factory; this contract keeps no say in it. What exists already is
/// taken as it is, so nobody can spoil a team by making its Safe or splitter first.
interface ITeamFactory {
    /// @notice A team has its Safe and its splitter; the splitter is zero for a team without shares.
    event TeamCreated(address indexed safe, address indexed splitter, address[] owners, uint256 threshold);

    /// @notice Make the Safe and the splitter of a team.
    function createTeam(Team calldata team) external returns (address safe, address splitter);

    /// @notice Make a team and publish an asset that its Safe owns and whose revenue goes to its splitter.
    /// @param publication Its payout, if it is not zero, is taken instead of the splitter.
    function createTeamAndPublish(Team calldata team, Publication calldata publication)
        external
        returns (address safe, address splitter, uint256 assetId);

    /// @notice Where the Safe and the splitter of a team are, made or not.
    function teamOf(Team calldata team) external view returns (address safe, address splitter);
}

/// @dev What is called of the published Safe contract.
interface ISafe {
    function setup(
        address[] calldata owners,
        uint256 threshold,
        address to,
        bytes calldata data,
        address fallbackHandler,
        address paymentToken,
        uint256 payment,
        address payable paymentReceiver
    ) external;
}

/// @dev What is called of the published Safe proxy factory.
interface ISafeProxyFactory {
    function createProxyWithNonce(address singleton, bytes memory initializer, uint256 saltNonce)
        external
        returns (address proxy);

    function proxyCreationCode() external pure returns (bytes memory);
}
